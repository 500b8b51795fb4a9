# bash completion for @NAME@
# Load it with: eval "$(@NAME@ completion bash)"

@FUNC@_words() {
    # Bash splits words at = and : too. Glue together again what no blank parts.
    local line=${COMP_LINE:0:COMP_POINT} stripped i n=-1
    words=()
    for ((i = 0; i <= COMP_CWORD; i++)); do
        stripped="${line#"${line%%[![:space:]]*}"}"
        if [[ $n -lt 0 || $stripped != "$line" || -z $line && -z ${COMP_WORDS[i]} ]]; then
            n=$((n + 1))
            words[n]=""
        fi
        if ((i == COMP_CWORD)); then
            words[n]+=$stripped
        else
            words[n]+=${COMP_WORDS[i]}
            line="${stripped#"${COMP_WORDS[i]}"}"
        fi
    done
}

@FUNC@_paths() {
    # $1: files or dirs; the rest: extensions.
    local kind=$1 path ext
    cur=${cur#[\"\']}
    shift
    compopt -o filenames 2>/dev/null
    while IFS= read -r path; do
        [[ -d ${path/#\~/$HOME} ]] && COMPREPLY+=("$path") && continue
        [[ $kind == dirs ]] && continue
        [[ $# -eq 0 ]] && COMPREPLY+=("$path")
        for ext in "$@"; do
            [[ $path == *"$ext" ]] && COMPREPLY+=("$path") && break
        done
    done < <(compgen -f -- "$cur")
}

@FUNC@() {
    local words line kind cur=${COMP_WORDS[COMP_CWORD]} lead=""
    @FUNC@_words
    COMPREPLY=()
    # Only what stands behind the last = is replaced.
    if [[ ${words[${#words[@]} - 1]} == --*=* && $COMP_WORDBREAKS == *=* ]]; then
        lead="${words[${#words[@]} - 1]%%=*}="
        cur=${words[${#words[@]} - 1]#*=}
    fi
    while IFS= read -r line; do
        case $line in
        :none) ;;
        :*)
            kind=${line#:}
            # shellcheck disable=SC2086
            @FUNC@_paths $kind
            ;;
        *)
            line=${line%%$'\t'*}
            COMPREPLY+=("${line#"$lead"}")
            ;;
        esac
    done < <("${words[0]/#\~/$HOME}" @VERB@ "${words[@]:1}" 2>/dev/null)
}

complete -F @FUNC@ @NAME@
