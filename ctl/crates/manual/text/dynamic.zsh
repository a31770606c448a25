# Adds the host ids, or the labels, that begin with the word; the others choose the controller.
_basicagentctl_values() {
    local -a values
    values=("${(@f)$(command BasicAgentCtl complete "$1" "$PREFIX" -- "${(@)words[2,-1]}" 2>/dev/null)}")
    (( ${#values} )) && compadd -Q "${@:2}" -- "${values[@]:#}"
}

_basicagentctl_hosts() { _basicagentctl_values hosts }

_basicagentctl_labels() { _basicagentctl_values labels -S '' }
