#compdef @NAME@
# zsh completion for @NAME@
# Load it with: source <(@NAME@ completion zsh), after compinit

@FUNC@() {
    local line kind
    local -a lines described exts
    lines=("${(@f)$("${(Q)words[1]/#\~/$HOME}" @VERB@ "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    for line in "${lines[@]}"; do
        case $line in
        :none|'') ;;
        :*) kind=${line#:} ;;
        *$'\t'*) described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
        *) described+=("${line//:/\\:}") ;;
        esac
    done
    (( ${#described} )) && _describe completion described
    [[ -z $kind ]] && return
    [[ $PREFIX == --*=* ]] && compset -P 1 '*='
    exts=(${=kind})
    case ${exts[1]} in
    dirs) _files -/ ;;
    files)
        shift exts
        if (( ${#exts} )); then
            _files -g "*(${(j:|:)exts})(-.)"
        else
            _files
        fi
        ;;
    esac
}

if [[ ${funcstack[1]} == @FUNC@ ]]; then
    @FUNC@ "$@"
else
    compdef @FUNC@ @NAME@
fi
