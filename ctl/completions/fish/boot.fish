complete -c boot -s L -l log -d 'Append boot\'s messages and the agent\'s output to FILE; required without -f; with -f the default is standard error, and FILE may be /dev/stdout or /dev/stderr' -r -F
complete -c boot -s P -l pid-file -d 'Keep FILE locked, with boot\'s pid in it, so that only one boot runs; required without -f' -r -F
complete -c boot -l agent -d 'The program to run [default: BasicAgent in boot\'s own folder]' -r -F
complete -c boot -l stop-timeout -d 'Kill the agent and its process group if it has not exited after this time' -r
complete -c boot -s f -l foreground -d 'Stay in the foreground'
complete -c boot -s h -l help -d 'Print help'
complete -c boot -s V -l version -d 'Print version'
