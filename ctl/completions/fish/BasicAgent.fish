# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_BasicAgent_global_optspecs
    string join \n c/config= server= port= host-id= state-dir= plugin-dir= log-level= L/log-file= check-config h/help V/version
end

function __fish_BasicAgent_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_BasicAgent_global_optspecs) -- $cmd 2>/dev/null
    or begin
        set -e cmd[-1]
        argparse -s (__fish_BasicAgent_global_optspecs) -- $cmd 2>/dev/null
    end
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_BasicAgent_using_subcommand
    set -l cmd (__fish_BasicAgent_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -s c -l config -d 'Configuration file [default: /etc/basicagent/agent.toml]' -r -F
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -l server -d 'Server name or address; may be repeated' -r
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -l port -d 'Server port' -r
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -l host-id -d 'This host\'s id' -r
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -l state-dir -d 'Directory for state that must survive a restart' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -l plugin-dir -d 'Plugin directory, instead of the configured ones; may be repeated' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -l log-level -d 'Log level: off, error, warn, info, debug or trace' -r
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -s L -l log-file -d 'Log to this file instead of stderr' -r -F
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -l check-config -d 'Check the configuration and the files it names, print problems, and exit'
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -s h -l help -d 'Print help'
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -s V -l version -d 'Print version'
complete -c BasicAgent -n "__fish_BasicAgent_needs_command" -f -a "enroll" -d 'Let this host join a controller: fetch its certificate with a join token'
complete -c BasicAgent -n "__fish_BasicAgent_using_subcommand enroll" -l ca -d 'The certificate that the server must present (sha256:HEX), or a PEM file of CAs [default: enroll.ca]' -r -F
complete -c BasicAgent -n "__fish_BasicAgent_using_subcommand enroll" -l token -d 'Join token [default: that of enroll.token or enroll.token_file]' -r
complete -c BasicAgent -n "__fish_BasicAgent_using_subcommand enroll" -l token-file -d 'File that holds the join token (mode 0600); it is removed once the host has joined' -r -F
complete -c BasicAgent -n "__fish_BasicAgent_using_subcommand enroll" -l server-name -d 'Name in the server\'s certificate [default: the name in --server]' -r
complete -c BasicAgent -n "__fish_BasicAgent_using_subcommand enroll" -l server -d 'Server name or address, with or without a port; may be repeated' -r
complete -c BasicAgent -n "__fish_BasicAgent_using_subcommand enroll" -l host-id -d 'Host id to ask for; the server may give another' -r
complete -c BasicAgent -n "__fish_BasicAgent_using_subcommand enroll" -l state-dir -d 'Directory of the agent\'s state' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgent -n "__fish_BasicAgent_using_subcommand enroll" -s c -l config -d 'Configuration file [default: /etc/basicagent/agent.toml]' -r -F
complete -c BasicAgent -n "__fish_BasicAgent_using_subcommand enroll" -l replace -d 'Join although the host has joined before: its key is set aside'
complete -c BasicAgent -n "__fish_BasicAgent_using_subcommand enroll" -s h -l help -d 'Print help'
