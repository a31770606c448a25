
# Prints the host ids, or the labels, that begin with the word; the others choose the controller.
function __basicagentctl_complete
    set -l words (commandline -opc)
    command BasicAgentCtl complete $argv[1] (commandline -ct) -- $words[2..-1] 2>/dev/null
end

complete -c BasicAgentCtl -l selector -s l -x -a "(__basicagentctl_complete labels)"
complete -c BasicAgentCtl -l label -x -a "(__basicagentctl_complete labels)"
