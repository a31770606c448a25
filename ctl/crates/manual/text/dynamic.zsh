# Adds the host ids, or the labels, that begin with the word. The whole line chooses the controller:
# of a subcommand's words, the flags before it are not part any more.
_basicagentctl_values() {
    local -a line values
    line=(${(Qz)LBUFFER})
    values=(${(f)"$(command BasicAgentCtl complete "$1" "${(Q)PREFIX}" -- "${(@)line[2,-1]}" 2>/dev/null)"})
    (( ${#values} )) && compadd "${@:2}" -- $values
}

_basicagentctl_hosts() { _basicagentctl_values hosts }

_basicagentctl_labels() { _basicagentctl_values labels -S '' }
