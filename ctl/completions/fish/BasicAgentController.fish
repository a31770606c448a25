# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_BasicAgentController_global_optspecs
    string join \n listen= http= http-cert= http-key= redirect-to= name= cert= key= server-ca= agent-ca= unknown= certificate-hours= recover-days= root-key= enroll-rate= enroll-rate-per-address= token-file= roles= state-dir= database= database-password-file= bus= bus-ca= bus-credentials= node-name= advertise= keep-days= audit-days= run-days= max-run-mib= max-store-mib= max-host-mib= facts-hours= facts-days= max-facts-mib= facts-rate= facts-methods= fact-labels= dev= check-config ready-file= max-connections= max-opening-per-address= handshake-rate= proxy-from= h/help V/version
end

function __fish_BasicAgentController_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_BasicAgentController_global_optspecs) -- $cmd 2>/dev/null
    or begin
        set -e cmd[-1]
        argparse -s (__fish_BasicAgentController_global_optspecs) -- $cmd 2>/dev/null
    end
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_BasicAgentController_using_subcommand
    set -l cmd (__fish_BasicAgentController_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l listen -d 'The address where agents connect, plain bootstrap and TLS on one port; repeatable [default: [::]:7443; with --dev 127.0.0.1:7443]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l http -d 'The address of the HTTP API: plain HTTP on loopback; HTTPS elsewhere, with --http-cert, with --cert, or with a certificate of the controller\'s own CA' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l http-cert -d 'The certificate chain of the HTTP API, PEM: makes it HTTPS on loopback too' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l http-key -d 'The private key of the HTTP API\'s certificate, PEM' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l redirect-to -d 'Redirect every agent to these addresses, which it tries in order' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l name -d 'A name or address in the server\'s certificate, which the controller\'s own CA signs; repeatable [default: the host\'s name, localhost, 127.0.0.1 and ::1]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l cert -d 'A certificate chain for the server that another CA signed, PEM' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l key -d 'The private key of --cert, PEM' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l server-ca -d 'The CAs of --cert, PEM: hosts that join trust them; without this flag none can join' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l agent-ca -l client-ca -d 'A CA of your own PKI, PEM: agents with its certificates may connect without joining' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l unknown -d 'What a host with a certificate of --agent-ca may do when it connects for the first time: everything, nothing until an operator approves it, or not even connect' -r -f -a "accept\t'It is active'
pending\t'An operator approves it'
refuse\t'It is refused'"
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l certificate-hours -d 'The life of a joined host\'s certificate, which renews itself after half of it' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l recover-days -d 'A host whose certificate expired this many days ago at most gets a new one by itself; a later one waits for an operator' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l root-key -d 'Where the key of the controller\'s own root is: a file, or "offline" where it is put back only while it is needed [default: beside the root, in the state directory]' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l enroll-rate -d 'Hosts that may join in a second, from all addresses' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l enroll-rate-per-address -d 'Hosts that may join in a second from one address (of IPv6, one /64); a token can allow more' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l token-file -d 'The file with a token of the HTTP API whose holder may do everything; if missing, it is created with a new token, for its owner only' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l roles -d 'A file with roles of your own, TOML; read again at SIGHUP' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l state-dir -d 'The directory for the results of tasks, for its owner only [default: /var/lib/basicagent-controller; with --dev DIR/state]' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l database -d 'The PostgreSQL database that holds hosts, results, runs, people and the audit log: postgres://USER@HOST/NAME, with TLS unless HOST is this machine; a password comes from --database-password-file, PGPASSWORD or ~/.pgpass [default: a file in the state directory]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l database-password-file -d 'The file with the password for --database, for its owner only' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l bus -d 'Be one of several controllers, the nodes of a site, that share --database; they tell each other of changes over NATS servers: nats://HOST:PORT on this machine, tls://HOST:PORT elsewhere' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l bus-ca -d 'The CAs of the servers of --bus, PEM' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l bus-credentials -d 'What this node shows the servers of --bus: credentials (.creds) or the seed of an nkey, for its owner only' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l node-name -d 'The name of this node, for people [default: the host\'s name]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l advertise -d 'Where agents reach this node; the other nodes send them here by it [default: the host\'s name, with the port of --listen]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l keep-days -d 'Delete a result after this many days' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l audit-days -d 'Delete lines of the audit log after this many days' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l run-days -d 'Delete a run and its list of hosts this many days after it ended' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l max-run-mib -d 'Keep at most about this many MiB of runs and their lists of hosts; the oldest that have ended are deleted [default: a quarter of --max-store-mib]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l max-store-mib -d 'Store at most this many MiB of results of all hosts; agents keep further ones [default: 16384, or three quarters of the file system if that is less]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l max-host-mib -d 'Store at most this many MiB of results of one host; its agent keeps further ones [default: 1024, or an eighth of all if that is less, but at least 64]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l facts-hours -d 'Ask each host for its facts when it connects and after this many hours, a little more or less; 0 asks on request only' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l facts-days -d 'Forget after this many days which facts a host had before those of now' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l max-facts-mib -d 'Store at most about this many MiB of facts; the oldest of former times are deleted [default: a quarter of --max-store-mib]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l facts-rate -d 'Ask at most this many hosts in a second for their facts' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l facts-methods -d 'The providers whose facts are kept [default: os,kernel,cpu,memory,disks,mounts,network, hardware,time,services,packages,certificates]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l fact-labels -d 'The labels that are set from facts, by their key or as KEY=PROVIDER.MEMBER; "none" for none [default: os.id,os.version_id,arch,kernel.release,virtualization,hostname,agent.version]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l dev -d 'Serve with everything in DIR, creating what is missing: state, API token, a join token, and an agent\'s config; for trials' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l ready-file -d 'Write the addresses in use to FILE, as JSON, once all ports are open' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l max-connections -d 'The maximum number of connected agents' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l max-opening-per-address -d 'The maximum number of connections from one address (of IPv6, one /64) that are not sessions yet [default: 512, or less where few files can be open]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l handshake-rate -d 'The maximum number of TLS handshakes a second; agents beyond it are told to come back later [default: 1000 for each processor]' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l proxy-from -d 'Load balancers, as addresses or networks, whose connections to either port begin with a PROXY header of version 2, which names the address that counts; from others it is rejected' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -l check-config -d 'Check the flags and the files that they name, print problems, and exit; makes nothing and opens no port'
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -s V -l version -d 'Print version'
complete -c BasicAgentController -n "__fish_BasicAgentController_needs_command" -f -a "migrate" -d 'Move a site from the SQLite file of a state directory into a PostgreSQL database'
complete -c BasicAgentController -n "__fish_BasicAgentController_using_subcommand migrate" -l from -d 'The state directory of the site' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_using_subcommand migrate" -l to -d 'The database, as for --database of the controller' -r
complete -c BasicAgentController -n "__fish_BasicAgentController_using_subcommand migrate" -l database-password-file -d 'The file with the password for --to, for its owner only' -r -F
complete -c BasicAgentController -n "__fish_BasicAgentController_using_subcommand migrate" -s h -l help -d 'Print help'
