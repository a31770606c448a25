# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_BasicAgentCtl_global_optspecs
    string join \n c= a= plugin-dir= context= controller= host= token-file= ca= h/help V/version
end

function __fish_BasicAgentCtl_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_BasicAgentCtl_global_optspecs) -- $cmd 2>/dev/null
    or begin
        set -e cmd[-1]
        argparse -s (__fish_BasicAgentCtl_global_optspecs) -- $cmd 2>/dev/null
    end
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_BasicAgentCtl_using_subcommand
    set -l cmd (__fish_BasicAgentCtl_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -s c -d 'The method to call: getinfo.kernel, getinfo.users, …' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -s a -d 'The method\'s arguments, as one string: -a "-U root"; -a "-h" prints the method\'s help' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -l plugin-dir -d 'Search this folder for plugins instead of the usual folders; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -s V -l version -d 'Print version'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "login" -d 'Log in to a controller and keep the token in a context'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "logout" -d 'End the token of a context'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "setup" -d 'Create the first operator with the link that the controller printed'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "context" -d 'The controllers that you have logged in to'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "whoami" -d 'Show who you are to the controller and what you may do'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "hosts" -d 'List the controller\'s hosts'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "host" -d 'Show a host, label it, or decide about it'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "facts" -d 'Facts of hosts: what they are, what changed, and which hosts have what'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "token" -d 'Join tokens: they admit hosts'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "ca" -d 'The controller\'s CA and its rotation'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "operator" -d 'Operators: people and programs that may ask something'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "role" -d 'Roles: what operators may do'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "schedule" -d 'Schedules: cron jobs for all hosts of a selector'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "audit" -d 'The audit log: who did what to which hosts, and when'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "run" -d 'Run a command, or another request, on many hosts: plan, ask, follow, sum up'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "node" -d 'The nodes of the controller: its processes, where it has several'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "budget" -d 'Budgets: how many of some hosts may be at work at once, over all runs'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "history" -d 'What ran where, and how it ended'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "exec" -d 'Run a command on the host and exit with its status'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "status" -d 'Show the state of an agent: this machine\'s, or with --host another\'s'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "task" -d 'Background tasks of an agent, and their results'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "cron" -d 'Schedules, their next times and their meaning, and an agent\'s scheduled jobs'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "list" -d 'List the methods of this machine\'s plugins'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "describe" -d 'Print a plugin\'s arguments and the fields of its reply'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "new" -d 'Write a plugin to start from: a crate, or a C file'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_needs_command" -f -a "check" -d 'Check whether a plugin is ready to ship, and list its faults'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand login" -l name -d 'The operator\'s name [default: asked for]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand login" -l password-file -d 'Read the password from this file instead of the terminal' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand login" -l days -d 'Days until the token expires, 1 to 3650 [default: 30]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand login" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand login" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand login" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand login" -l password-stdin -d 'Read the password from standard input'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand login" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand logout" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand logout" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand setup" -l name -d 'The name of the first operator [default: asked for]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand setup" -l password-file -d 'Read the password from this file instead of the terminal' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand setup" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand setup" -l password-stdin -d 'Read the password from standard input'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand setup" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand context; and not __fish_seen_subcommand_from list use remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand context; and not __fish_seen_subcommand_from list use remove" -f -a "list" -d 'List the contexts; a star marks the current one'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand context; and not __fish_seen_subcommand_from list use remove" -f -a "use" -d 'Make a context the current one'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand context; and not __fish_seen_subcommand_from list use remove" -f -a "remove" -d 'Forget a context and its token'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand context; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand context; and __fish_seen_subcommand_from list" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand context; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand context; and __fish_seen_subcommand_from use" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand context; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand whoami" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand whoami" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand whoami" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand whoami" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand whoami" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand whoami" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand whoami" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -s l -l selector -d 'Only hosts with matching labels: env=prod,role in (web,db),!legacy' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -l state -d 'Only hosts in this state: active, pending, quarantined, banned' -r -f -a "active\t''
pending\t''
quarantined\t''
banned\t''"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -l online -d 'Only hosts that are connected now'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -l offline -d 'Only hosts that are not connected now'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -s w -l watch -d 'Print a row again when it changes, until Ctrl-C'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand hosts" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -f -a "show" -d 'Show all that the controller knows about a host'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -f -a "label" -d 'Set labels with KEY=VALUE, and remove them with KEY-'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -f -a "approve" -d 'Approve hosts that wait for it'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -f -a "remove" -d 'Remove hosts; they may join again with a token'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -f -a "ban" -d 'Refuse the keys of hosts for ever'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -f -a "quarantine" -d 'Keep hosts connected, but send them nothing'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and not __fish_seen_subcommand_from show label approve remove ban quarantine settle" -f -a "settle" -d 'End a quarantine after a clone or a restored snapshot was detected'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from show" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from show" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from show" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from show" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from label" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from label" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from label" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from label" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from label" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from approve" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from approve" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from approve" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from approve" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from approve" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from remove" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from remove" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from remove" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from ban" -l reason -d 'The reason, for whoever looks at the host later' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from ban" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from ban" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from ban" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from ban" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from ban" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from ban" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from quarantine" -l reason -d 'The reason, for whoever looks at the host later' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from quarantine" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from quarantine" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from quarantine" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from quarantine" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from quarantine" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from settle" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from settle" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from settle" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from settle" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from settle" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand host; and __fish_seen_subcommand_from settle" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and not __fish_seen_subcommand_from show changes diff where package service certificates count refresh" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and not __fish_seen_subcommand_from show changes diff where package service certificates count refresh" -f -a "show" -d 'Show the facts of a host, or one of them, now or at another time'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and not __fish_seen_subcommand_from show changes diff where package service certificates count refresh" -f -a "changes" -d 'List the changes of a fact of a host'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and not __fish_seen_subcommand_from show changes diff where package service certificates count refresh" -f -a "diff" -d 'Compare the facts of two hosts, or of one host at two times'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and not __fish_seen_subcommand_from show changes diff where package service certificates count refresh" -f -a "where" -d 'List the hosts whose facts have something at a path'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and not __fish_seen_subcommand_from show changes diff where package service certificates count refresh" -f -a "package" -d 'List the hosts that have a package installed'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and not __fish_seen_subcommand_from show changes diff where package service certificates count refresh" -f -a "service" -d 'List the hosts that have a service'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and not __fish_seen_subcommand_from show changes diff where package service certificates count refresh" -f -a "certificates" -d 'List the hosts that have certificates that expire soon'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and not __fish_seen_subcommand_from show changes diff where package service certificates count refresh" -f -a "count" -d 'Count hosts by a value of their facts'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and not __fish_seen_subcommand_from show changes diff where package service certificates count refresh" -f -a "refresh" -d 'Ask hosts for their facts now'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from show" -l at -d 'As it was then: 2h or 7d ago, 2026-01-31, or 2026-01-31T12:00:00Z' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from show" -l live -d 'Ask the hosts now, instead of using what they answered last'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from show" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from changes" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from changes" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from changes" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from diff" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from diff" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from where" -s m -l method -d 'The provider, where the path does not name it' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from where" -s l -l selector -d 'Only hosts with matching labels: env=prod,role in (web,db),!legacy' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from where" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from where" -l live -d 'Ask the hosts now, instead of using what they answered last'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from where" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from where" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from package" -l below -d 'Only versions before this one, as dpkg, rpm or apk orders them' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from package" -l above -d 'Only versions after this one' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from package" -l is -d 'Only this version' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from package" -s l -l selector -d 'Only hosts with matching labels: env=prod,role in (web,db),!legacy' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from package" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from package" -l live -d 'Ask the hosts now, instead of using what they answered last'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from package" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from package" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from service" -l state -d 'Only in this state, in systemctl\'s words: enabled, disabled, masked, …' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from service" -s l -l selector -d 'Only hosts with matching labels: env=prod,role in (web,db),!legacy' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from service" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from service" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from service" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from certificates" -l within -d 'Certificates that expire within this time, or have expired: 30d, 12h' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from certificates" -s l -l selector -d 'Only hosts with matching labels: env=prod,role in (web,db),!legacy' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from certificates" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from certificates" -l valid -d 'Leave out certificates that have expired'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from certificates" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from certificates" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from count" -s m -l method -d 'The provider, where the path does not name it' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from count" -s l -l selector -d 'Only hosts with matching labels: env=prod,role in (web,db),!legacy' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from count" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from count" -l live -d 'Ask the hosts now, instead of using what they answered last'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from count" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from count" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from refresh" -s l -l selector -d 'Only hosts with matching labels: env=prod,role in (web,db),!legacy' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand facts; and __fish_seen_subcommand_from refresh" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and not __fish_seen_subcommand_from create list show revoke" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and not __fish_seen_subcommand_from create list show revoke" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and not __fish_seen_subcommand_from create list show revoke" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and not __fish_seen_subcommand_from create list show revoke" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and not __fish_seen_subcommand_from create list show revoke" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and not __fish_seen_subcommand_from create list show revoke" -f -a "create" -d 'Make a join token and print the line that joins a host'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and not __fish_seen_subcommand_from create list show revoke" -f -a "list" -d 'List the join tokens'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and not __fish_seen_subcommand_from create list show revoke" -f -a "show" -d 'Show a join token'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and not __fish_seen_subcommand_from create list show revoke" -f -a "revoke" -d 'Revoke a join token: it admits nobody from now on'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l expires -d 'How long it admits hosts: 30m, 24h, 7d; at most 30d [default: 24h]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l uses -d 'The most hosts that it admits, at most 10000 [default: 1]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l label -d 'A label that each admitted host gets; repeatable' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l network -d 'A network that hosts may join from, such as 10.0.0.0/8; repeatable [default: any]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l per-address-rate -d 'Enrollments a second from one address, for hosts behind one NAT address' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l note -d 'What the token is for' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l approval -d 'An operator must approve each host before it gets requests'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from list" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from list" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from list" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from list" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from show" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from show" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from show" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from show" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from revoke" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from revoke" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from revoke" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from revoke" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from revoke" -l with-hosts -d 'Ban the hosts that it admitted, too'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from revoke" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand token; and __fish_seen_subcommand_from revoke" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and not __fish_seen_subcommand_from status rotate" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and not __fish_seen_subcommand_from status rotate" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and not __fish_seen_subcommand_from status rotate" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and not __fish_seen_subcommand_from status rotate" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and not __fish_seen_subcommand_from status rotate" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and not __fish_seen_subcommand_from status rotate" -f -a "status" -d 'Show the CA\'s certificates, where a rotation stands, and which hosts are missing'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and not __fish_seen_subcommand_from status rotate" -f -a "rotate" -d 'Take a step of a rotation'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from status" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from status" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from status" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from status" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from status" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from status" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from rotate" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from rotate" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from rotate" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from rotate" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from rotate" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from rotate" -l force -d 'Take the step though fewer hosts than required are ready: the others must join again'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from rotate" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from rotate" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand ca; and __fish_seen_subcommand_from rotate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -f -a "list" -d 'List the operators'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -f -a "create" -d 'Create an operator'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -f -a "show" -d 'Show an operator'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -f -a "roles" -d 'Give an operator these roles instead of the present ones'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -f -a "disable" -d 'Refuse an operator everywhere; --undo ends that'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -f -a "remove" -d 'Remove an operator and all of its tokens'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -f -a "password" -d 'Set an operator\'s password'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -f -a "link" -d 'Make a link that logs an operator in to the console, once, within 10 minutes'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and not __fish_seen_subcommand_from list create show roles disable remove password link token" -f -a "token" -d 'API tokens of operators: for programs, and of log-ins'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from list" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from list" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from list" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from list" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from create" -l role -d 'A role: viewer, operator, admin, or one of your own; repeatable' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from create" -l password-file -d 'Read the password from this file instead of the terminal' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from create" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from create" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from create" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from create" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from create" -l password-stdin -d 'Read the password from standard input'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from create" -l no-password -d 'A program: it has no password and uses API tokens only'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from create" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from show" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from show" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from show" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from show" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from roles" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from roles" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from roles" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from roles" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from roles" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from disable" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from disable" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from disable" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from disable" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from disable" -l undo -d 'Allow the operator again'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from remove" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from remove" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from remove" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from password" -l password-file -d 'Read the password from this file instead of the terminal' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from password" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from password" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from password" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from password" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from password" -l password-stdin -d 'Read the password from standard input'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from password" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from link" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from link" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from link" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from link" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from link" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from link" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from link" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from token" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from token" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from token" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from token" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from token" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from token" -f -a "create" -d 'Make an API token and print it, once'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from token" -f -a "list" -d 'List an operator\'s API tokens'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand operator; and __fish_seen_subcommand_from token" -f -a "revoke" -d 'Revoke an API token'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and not __fish_seen_subcommand_from list show set remove" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and not __fish_seen_subcommand_from list show set remove" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and not __fish_seen_subcommand_from list show set remove" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and not __fish_seen_subcommand_from list show set remove" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and not __fish_seen_subcommand_from list show set remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and not __fish_seen_subcommand_from list show set remove" -f -a "list" -d 'List the roles'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and not __fish_seen_subcommand_from list show set remove" -f -a "show" -d 'Show what a role allows'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and not __fish_seen_subcommand_from list show set remove" -f -a "set" -d 'Define a role by a file in JSON, as role show -o json prints it'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and not __fish_seen_subcommand_from list show set remove" -f -a "remove" -d 'Remove a role'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from list" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from list" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from list" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from list" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from show" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from show" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from show" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from show" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from set" -s f -l file -d 'The file with the role\'s grants; - for standard input' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from set" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from set" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from set" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from set" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from remove" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from remove" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from remove" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand role; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -f -a "apply" -d 'Show the difference that files make, ask, then apply it'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -f -a "diff" -d 'Show the difference that files would make'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -f -a "list" -d 'List the schedules'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -f -a "show" -d 'Show a schedule'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -f -a "hosts" -d 'Show how a schedule stands on each host'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -f -a "history" -d 'Show the versions of a schedule and their authors'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -f -a "results" -d 'Show the newest results of a schedule\'s runs on all hosts'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -f -a "check" -d 'Compare the jobs of connected hosts with the schedules now, and repair differences'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -f -a "forecast" -d 'Show all runs of the coming hours: load, collisions, and schedules that never run'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and not __fish_seen_subcommand_from apply diff list show hosts history results check forecast remove" -f -a "remove" -d 'Remove a schedule from the controller and from its hosts'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from apply" -s f -l file -d 'A file in TOML or JSON, a directory of such files, or - for TOML on standard input; repeatable' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from apply" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from apply" -l prune -d 'Remove all schedules that are not in the files'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from apply" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from apply" -l dry-run -d 'Show the difference only'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from apply" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from diff" -s f -l file -d 'A file in TOML or JSON, a directory of such files, or - for TOML on standard input; repeatable' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from diff" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from diff" -l prune -d 'Remove all schedules that are not in the files'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from diff" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from diff" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from list" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from show" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from hosts" -l state -d 'Only hosts in this state: applied, pending, refused, not_allowed, failed, removing' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from hosts" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from hosts" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from hosts" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from history" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from history" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from results" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from results" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from results" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from check" -s l -l selector -d 'Only hosts with matching labels: env=prod,role in (web,db),!legacy' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from forecast" -l hours -d 'The hours from now on, at most 168' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from forecast" -s l -l selector -d 'Only hosts with matching labels: env=prod,role in (web,db),!legacy' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from forecast" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from forecast" -l schedules-only -d 'Do not ask hosts for their own jobs and crontabs'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from forecast" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from forecast" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand schedule; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -l actor -d 'Only what this operator did' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -l action -d 'Only events of this action, such as commands.run' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -l since -d 'Only events since then: 2h or 7d ago, 2026-01-31, or 2026-01-31T12:00:00Z' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -s f -l follow -d 'Wait for further events and print them as they happen, until Ctrl-C'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and not __fish_seen_subcommand_from verify" -f -a "verify" -d 'Check that no event was changed, added or removed'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and __fish_seen_subcommand_from verify" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand audit; and __fish_seen_subcommand_from verify" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -s l -l selector -d 'The hosts with matching labels: env=prod,role in (web,db); \'\' for all. Or name them with --host' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l user -d 'Run as this user, name or uid [default: root]' -r -f -a "(__fish_complete_users)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l group -d 'Run as this group, name or gid [default: the user\'s own]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l cwd -d 'Run in this directory [default: the user\'s home]' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l env -d 'Add a variable to the command\'s environment; repeatable' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l stderr -d 'Where standard error goes: into the output, or separate from it [default: separate for exec, else merge]' -r -f -a "merge\t'Into the output, in the order of writing'
separate\t'Separate from the output'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l max-output -d 'Keep this much of each output stream, head and tail: bytes, or with K or M [default: 16M for exec, 64K for run, else the agent\'s exec.max_output]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l memory -d 'Limit the memory of the command and all that it starts: bytes, or with K, M or G' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l cpu -d 'Limit its processor time, in percent of one processor: 250 is two and a half' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l pids -d 'Limit its processes and threads' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l timeout -d 'Kill the command after this time: 90s, 30m, 24h [default: none]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l upgrade -d 'Upgrade this package of the agent instead of running a command: basicagent=1.2.3-1. A host whose new agent does not connect puts the old one back by itself' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l window -d 'How long a host waits for its new agent to connect [default: 120s]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l method -d 'Ask for this method instead of a command: getinfo.kernel, cron.set, async.cancel, …' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l args -d 'The arguments of a getinfo method, as one string' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l field -d 'A field of the method: NAME=TEXT, or NAME=JSON for anything else; repeatable' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l stages -d 'How many hosts each stage reaches together with the stages before it: 1,10%,100% [default: all at once]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l soak -d 'Wait this long between two stages: 30s, 5m, 1h' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l max-failed -d 'Begin the next stage only if at most this many hosts of the last failed: a number, 5%, none [default: as --stop-after]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l stop-after -d 'Send nothing more once more hosts than this have failed: a number, 5%, or none [default: 0]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l concurrency -d 'How many hosts work at once: a number, or 10% [default: 500]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l not-after -d 'Start no host after this: in 1h, or at 2026-01-31T12:00:00Z [default: 1h]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l stdin -d 'Pass standard input to the command'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l no-ramp -d 'Start with that many at once, instead of with 1 host, then 2, 4, …'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l no-wait -d 'Refuse hosts that are offline instead of waiting for them'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l plan -d 'Show the plan and start nothing'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -s d -l detach -d 'Start the run and do not wait for its end'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -a "list" -d 'List runs, newest first'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -a "show" -d 'Show a run, or a plan that is not applied'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -a "targets" -d 'List the hosts of a run: how each ended, and why'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -a "output" -d 'Print the hosts\' outputs, equal ones once; with --host, one host\'s whole output'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -a "apply" -d 'Start a plan that run --plan has made'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -a "cancel" -d 'Send nothing more, and cancel the commands that run'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -a "again" -d 'Plan and run the same on the hosts that did not succeed'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and not __fish_seen_subcommand_from list show targets output apply cancel again watch" -a "watch" -d 'Follow a run to its end'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -l state -d 'Only runs in this state; plans that are not applied are listed only with "planned"' -r -f -a "planned\t''
running\t''
stopping\t''
ended\t''"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -l operator -d 'Only runs of this operator' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -l since -d 'Only since then: 2h or 7d ago, 2026-01-31, or 2026-01-31T12:00:00Z' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -l until -d 'Only before then, likewise' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -s n -l limit -d 'Print at most this many, the newest [default: 100]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from show" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from show" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from show" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from show" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from show" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from show" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from targets" -l state -d 'Only hosts in this state, such as failed, refused or running' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from targets" -l stage -d 'Only hosts of this stage, from 1' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from targets" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from targets" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from targets" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from targets" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from targets" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from targets" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from targets" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from output" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from output" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from output" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from output" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from output" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from output" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from output" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from output" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from apply" -l signature -d 'Send the hosts the signature of the plan\'s hash in this file; repeatable' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from apply" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from apply" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from apply" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from apply" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from apply" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from apply" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from apply" -s d -l detach -d 'Start the run and do not wait for its end'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from apply" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from apply" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from cancel" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from cancel" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from cancel" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from cancel" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from cancel" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -l state -d 'Only the hosts that ended in these states: failed,expired [default: all but succeeded]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -l plan -d 'Show the plan and start nothing'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -s d -l detach -d 'Start the run and do not wait for its end'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from again" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from watch" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from watch" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from watch" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from watch" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from watch" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from watch" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand run; and __fish_seen_subcommand_from watch" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and not __fish_seen_subcommand_from list drain resume remove" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and not __fish_seen_subcommand_from list drain resume remove" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and not __fish_seen_subcommand_from list drain resume remove" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and not __fish_seen_subcommand_from list drain resume remove" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and not __fish_seen_subcommand_from list drain resume remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and not __fish_seen_subcommand_from list drain resume remove" -f -a "list" -d 'List the processes of the controller'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and not __fish_seen_subcommand_from list drain resume remove" -f -a "drain" -d 'Send the hosts of a node to the others; it stays drained, also when it is started again'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and not __fish_seen_subcommand_from list drain resume remove" -f -a "resume" -d 'Let a node take hosts again'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and not __fish_seen_subcommand_from list drain resume remove" -f -a "remove" -d 'Forget a node that has ended and will not come back'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from list" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from list" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from list" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from list" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from drain" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from drain" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from drain" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from drain" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from resume" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from resume" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from resume" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from resume" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from resume" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from remove" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from remove" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from remove" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand node; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and not __fish_seen_subcommand_from list set remove" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and not __fish_seen_subcommand_from list set remove" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and not __fish_seen_subcommand_from list set remove" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and not __fish_seen_subcommand_from list set remove" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and not __fish_seen_subcommand_from list set remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and not __fish_seen_subcommand_from list set remove" -f -a "list" -d 'List the budgets'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and not __fish_seen_subcommand_from list set remove" -f -a "set" -d 'Make a budget, or change it'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and not __fish_seen_subcommand_from list set remove" -f -a "remove" -d 'Remove a budget'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from list" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from list" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from list" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from list" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from list" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from set" -s l -l selector -d 'The hosts with matching labels: role=db; \'\' for all' -r -f
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from set" -l limit -d 'How many of them may be at work at once, over all runs' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from set" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from set" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from set" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from set" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from remove" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from remove" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from remove" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do it without asking'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand budget; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l run -d 'Only this run' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l operator -d 'Only runs that this operator applied' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l state -d 'Only hosts in this state, such as failed or refused' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l since -d 'Only since then: 2h or 7d ago, 2026-01-31, or 2026-01-31T12:00:00Z' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l until -d 'Only before then, likewise' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -s n -l limit -d 'Print at most this many, the newest [default: 100]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -s o -l output -d 'How to print: table, wide (all columns), name, json or yaml' -r -f -a "table\t'Aligned columns, as wide as the terminal; whole when piped'
wide\t'A table with all columns, never cut'
name\t'The names alone, one per line'
json\t'The controller\'s own JSON'
yaml\t'The same as YAML'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -l json -d 'The same as -o json'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and not __fish_seen_subcommand_from export" -f -a "export" -d 'Print the whole history, one JSON object per line'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l run -d 'Only this run' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l operator -d 'Only runs that this operator applied' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l state -d 'Only hosts in this state, such as failed or refused' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l since -d 'Only since then: 2h or 7d ago, 2026-01-31, or 2026-01-31T12:00:00Z' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l until -d 'Only before then, likewise' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -s n -l limit -d 'Print at most this many, the newest [default: 100]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l jsonl -d 'One JSON object per line, which is the only format'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -l results -d 'With the agents\' whole results, output included'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand history; and __fish_seen_subcommand_from export" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l user -d 'Run as this user, name or uid [default: root]' -r -f -a "(__fish_complete_users)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l group -d 'Run as this group, name or gid [default: the user\'s own]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l cwd -d 'Run in this directory [default: the user\'s home]' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l env -d 'Add a variable to the command\'s environment; repeatable' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l stderr -d 'Where standard error goes: into the output, or separate from it [default: separate for exec, else merge]' -r -f -a "merge\t'Into the output, in the order of writing'
separate\t'Separate from the output'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l max-output -d 'Keep this much of each output stream, head and tail: bytes, or with K or M [default: 16M for exec, 64K for run, else the agent\'s exec.max_output]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l memory -d 'Limit the memory of the command and all that it starts: bytes, or with K, M or G' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l cpu -d 'Limit its processor time, in percent of one processor: 250 is two and a half' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l pids -d 'Limit its processes and threads' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l timeout -d 'Kill the command and its children after this many seconds [default: 120]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l as-controller -d 'With --check on this machine: judge by the policy as if this controller asked' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l stdin -d 'Pass standard input to the command'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l stream -d 'Print output as it arrives; Ctrl-C kills the command'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l check -d 'Start nothing: say whether the host would run it, and as whom. Without --host, ask this machine\'s agent'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -l json -d 'Print the agent\'s whole reply as JSON instead of the output; with --stream, one line per frame'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand exec" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand status" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand status" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand status" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand status" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand status" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand status" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand status" -l json -d 'Print JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand status" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -f -a "submit" -d 'Start a command in the background and print the task\'s id'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -f -a "status" -d 'Show a task\'s state'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -f -a "list" -d 'List the host\'s tasks, in the order in which it accepted them'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -f -a "output" -d 'Print a task\'s output so far; all of it once the task has ended'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -f -a "result" -d 'Print a task\'s result and exit with its command\'s status; with --controller also while the host is offline'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and not __fish_seen_subcommand_from submit status list output result cancel" -f -a "cancel" -d 'Kill a task\'s command and its children; the task\'s result follows'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l user -d 'Run as this user, name or uid [default: root]' -r -f -a "(__fish_complete_users)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l group -d 'Run as this group, name or gid [default: the user\'s own]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l cwd -d 'Run in this directory [default: the user\'s home]' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l env -d 'Add a variable to the command\'s environment; repeatable' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l stderr -d 'Where standard error goes: into the output, or separate from it [default: separate for exec, else merge]' -r -f -a "merge\t'Into the output, in the order of writing'
separate\t'Separate from the output'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l max-output -d 'Keep this much of each output stream, head and tail: bytes, or with K or M [default: 16M for exec, 64K for run, else the agent\'s exec.max_output]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l memory -d 'Limit the memory of the command and all that it starts: bytes, or with K, M or G' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l cpu -d 'Limit its processor time, in percent of one processor: 250 is two and a half' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l pids -d 'Limit its processes and threads' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l id -d 'The task\'s id; reusing an id with the same command does not start it again [default: random]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l timeout -d 'Kill the command and its children after this many seconds [default: never]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l stdin -d 'Pass standard input to the command'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l separate-stderr -d 'The same as --stderr separate'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -l json -d 'Print the agent\'s whole reply as JSON instead of the id'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from submit" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from status" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from status" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from status" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from status" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from status" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from status" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from status" -l json -d 'Print the agent\'s own JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from list" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from list" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from list" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from list" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from list" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from list" -l json -d 'Print the agent\'s own JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from output" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from output" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from output" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from output" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from output" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from output" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from output" -l follow -d 'Continue until the task has ended, also across lost connections'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from output" -l stderr -d 'Print standard error instead, for a task with --separate-stderr'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from output" -l json -d 'Print the agent\'s own JSON, one line per piece'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from output" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from result" -l wait -d 'Wait up to this many seconds for the result, also while the controller is down' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from result" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from result" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from result" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from result" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from result" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from result" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from result" -l json -d 'Print the agent\'s whole result as JSON instead of the output'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from result" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from cancel" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from cancel" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from cancel" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from cancel" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from cancel" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from cancel" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from cancel" -l json -d 'Print the agent\'s own JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand task; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -f -a "next" -d 'Print the next times at which a schedule is due'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -f -a "explain" -d 'Explain a schedule in words'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -f -a "check" -d 'Check crontab files: list their entries and problems'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -f -a "list" -d 'List an agent\'s jobs with their next and last runs'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -f -a "set" -d 'Schedule a command, or replace a job'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -f -a "remove" -d 'Remove a job; a running run continues'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -f -a "run" -d 'Start a run of a job now and print its task\'s id'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and not __fish_seen_subcommand_from next explain check list set remove run history" -f -a "history" -d 'List a job\'s runs, newest first'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from next" -l tz -d 'The time zone, such as Europe/Berlin; CRON_TZ= in EXPR takes precedence [default: this machine\'s]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from next" -l from -d 'Start after this time: 2026-03-29, 2026-03-29T09:30 (in that zone) or 2026-03-29T09:30:00Z [default: now]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from next" -l calendar -d 'A file of excluded days, for items such as 15C' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from next" -s n -l count -d 'The number of times to print' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from next" -l json -d 'Print the times as JSON, in UTC: {"next":["2026-01-05T00:00:00Z", …]}'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from next" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from explain" -l tz -d 'The time zone, such as Europe/Berlin; CRON_TZ= in EXPR takes precedence [default: this machine\'s]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from explain" -l from -d 'Start after this time: 2026-03-29, 2026-03-29T09:30 (in that zone) or 2026-03-29T09:30:00Z [default: now]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from explain" -l calendar -d 'A file of excluded days, for items such as 15C' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from explain" -s n -l count -d 'The number of next times to print' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from explain" -l json -d 'Print the explanation as JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from explain" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from check" -l user -d 'Read the files as this user\'s own crontab, whose lines name no user' -r -f -a "(__fish_complete_users)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from check" -l tz -d 'The time zone of entries without one [default: this machine\'s]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from check" -l calendar -d 'A file of excluded days, for items such as 15C' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from check" -l json -d 'Print everything as JSON on standard output'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from list" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from list" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from list" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from list" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from list" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from list" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from list" -l json -d 'Print the agent\'s own JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l user -d 'Run as this user, name or uid [default: root]' -r -f -a "(__fish_complete_users)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l group -d 'Run as this group, name or gid [default: the user\'s own]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l cwd -d 'Run in this directory [default: the user\'s home]' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l env -d 'Add a variable to the command\'s environment; repeatable' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l stderr -d 'Where standard error goes: into the output, or separate from it [default: separate for exec, else merge]' -r -f -a "merge\t'Into the output, in the order of writing'
separate\t'Separate from the output'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l max-output -d 'Keep this much of each output stream, head and tail: bytes, or with K or M [default: 16M for exec, 64K for run, else the agent\'s exec.max_output]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l memory -d 'Limit the memory of the command and all that it starts: bytes, or with K, M or G' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l cpu -d 'Limit its processor time, in percent of one processor: 250 is two and a half' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l pids -d 'Limit its processes and threads' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l timeout -d 'Kill the command and its children after this many seconds [default: never]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l tz -d 'The time zone, such as Europe/Berlin [default: the agent\'s]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l overlap -d 'If a run is due while the previous one is running: skip it, queue it, or allow both [default: skip]' -r -f -a "skip\t''
queue\t''
allow\t''"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l missed -d 'If runs were due while the agent was down: skip them, or run once for all of them [default: skip]' -r -f -a "skip\t''
once\t''"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l horizon -d 'With --missed once: only for runs that were due within this many seconds [default: 86400]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l jitter -d 'Delay each start by up to this many seconds, by a share that differs per host [default: 0]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l calendar -d 'The absolute path on the agent\'s host of a file of excluded days, for items such as 15C' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l stdin -d 'Pass standard input to the command'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l disabled -d 'Store the job without running it'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -l json -d 'Print the agent\'s own JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from remove" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from remove" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from remove" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from remove" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from remove" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from remove" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from remove" -l json -d 'Print the agent\'s own JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from run" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from run" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from run" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from run" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from run" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from run" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from run" -l json -d 'Print the agent\'s own JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from history" -s n -l count -d 'The most runs to list' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from history" -l socket -d 'Without --host: this machine\'s agent by its local socket, agent.sock in its run_dir [default: /run/basicagent/agent.sock]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from history" -l context -d 'Use this context [default: $BASICAGENT_CONTEXT, or the current one]' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from history" -l controller -d 'Use this controller and no context: https://HOST:PORT, http://127.0.0.1:PORT' -r
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from history" -l host -d 'The id of the host; run takes several' -r -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from history" -l token-file -d 'The file with its API token [default: $BASICAGENT_TOKEN itself]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from history" -l ca -d 'The CA of https://: a file, or sha256:DIGEST [default: this machine\'s bundle]' -r -F
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from history" -l json -d 'Print the agent\'s own JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand cron; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand list" -l plugin-dir -d 'Search this folder for plugins instead of the usual folders; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand list" -l json -d 'Print the plugins\' whole descriptions as JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand list" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand describe" -l plugin-dir -d 'Search this folder for plugins instead of the usual folders; repeatable' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand describe" -l json -d 'Print the plugin\'s whole description as JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand describe" -s h -l help -d 'Print help'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand new" -l language -d 'The language of the plugin' -r -f -a "rust\t'A crate, with tests and a schema generated from its types'
c\t'A C file and a Makefile; Rust is not required'
go\t'A Go file and a Makefile; Rust is not required'"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand new" -l api-path -d 'Use the crate plugin-api in this folder instead of the registry' -r -f -a "(__fish_complete_directories)"
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand new" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand check" -l json -d 'Print the verdict as JSON'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand check" -l as-root -d 'Let the plugin keep root, like an agent whose configuration allows it (plugins.roots)'
complete -c BasicAgentCtl -n "__fish_BasicAgentCtl_using_subcommand check" -s h -l help -d 'Print help'

# Prints the host ids, or the labels, that begin with the word; the others choose the controller.
function __basicagentctl_complete
    set -l words (commandline -opc)
    command BasicAgentCtl complete $argv[1] (commandline -ct) -- $words[2..-1] 2>/dev/null
end

complete -c BasicAgentCtl -l selector -s l -x -a "(__basicagentctl_complete labels)"
complete -c BasicAgentCtl -l label -x -a "(__basicagentctl_complete labels)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from host; and __fish_seen_subcommand_from show" -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from host; and __fish_seen_subcommand_from label" -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from host; and __fish_seen_subcommand_from approve" -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from host; and __fish_seen_subcommand_from remove" -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from host; and __fish_seen_subcommand_from ban" -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from host; and __fish_seen_subcommand_from quarantine" -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from host; and __fish_seen_subcommand_from settle" -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from facts; and __fish_seen_subcommand_from show" -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from facts; and __fish_seen_subcommand_from changes" -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from facts; and __fish_seen_subcommand_from diff" -f -a "(__basicagentctl_complete hosts)"
complete -c BasicAgentCtl -n "__fish_seen_subcommand_from facts; and __fish_seen_subcommand_from refresh" -f -a "(__basicagentctl_complete hosts)"
