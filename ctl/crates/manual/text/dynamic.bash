
_BasicAgentCtl_words() {
    local cur=$2 kind= begin prev word
    local -a words
    # Not COMP_WORDS, which are split at "=" and ":", as in a selector and a URL.
    read -ra words <<<"${COMP_LINE:0:COMP_POINT}"
    [[ ${COMP_LINE:COMP_POINT-1:1} == [[:blank:]] ]] && words+=("")
    begin=${words[${#words[@]}-1]} prev=${words[${#words[@]}-2]}
    case $begin in
        --*=*) prev=${begin%%=*} begin=${begin#*=} ;;
    esac
    case $prev in
        --host) kind=hosts ;;
        -l | --selector | --label) kind=labels ;;
        *)
            [[ $begin == -* ]] || case " ${words[*]:1:${#words[@]}-2} " in
                @HOSTS@) kind=hosts ;;
            esac
            ;;
    esac
    if [[ -z $kind ]]; then
        _BasicAgentCtl "$@"
        return
    fi
    begin=${begin#[\"\']}
    COMPREPLY=()
    while IFS= read -r word; do
        # Readline replaces only what follows the last "=" outside of quotes.
        [[ $cur != *=* && $begin == *=* ]] && word=${word#"${begin%=*}="}
        COMPREPLY+=("$word")
        [[ $word == *= ]] && compopt -o nospace 2>/dev/null
    done < <(command BasicAgentCtl complete "$kind" "$begin" -- "${words[@]:1}" 2>/dev/null)
}
