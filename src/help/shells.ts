// The completion script of each shell. It calls `metalkit completion -- WORD...`, which answers with a line that names the kind
// of completion, then one line per choice: the whole word, a tab and its description.

// bash also splits words at = and :, so the script joins them again and returns only the part of each choice after the last such
// character. It runs on bash 3.2, macOS's version.
const bash = `_metalkit() {
  local rest=\${COMP_LINE:0:COMP_POINT} words=() word current kind choice cut i
  COMPREPLY=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ \${#words[@]} -gt 0 && -n $rest && $rest != [[:space:]]* ]]; then
      [[ $i -eq $COMP_CWORD ]] && word=$rest
      words[\${#words[@]}-1]+=$word
    else
      rest=\${rest#"\${rest%%[![:space:]]*}"}
      [[ $i -eq $COMP_CWORD ]] && word=$rest
      words+=("$word")
    fi
    rest=\${rest:\${#word}}
  done
  current=\${words[\${#words[@]}-1]}
  cut=\${current%"\${current##*[=:]}"}
  while IFS=$'\\t' read -r choice _; do
    if [[ -z $kind ]]; then kind=$choice; else COMPREPLY+=("\${choice#"$cut"}"); fi
  done < <("\${words[0]}" completion -- "\${words[@]:1}" 2>/dev/null)
  case $kind in
    files) compopt -o default 2>/dev/null ;;
    folders) compopt -o dirnames 2>/dev/null ;;
    open) compopt -o nospace 2>/dev/null ;;
  esac
}
complete -F _metalkit metalkit
`

const zsh = `#compdef metalkit
_metalkit() {
  local kind line
  local -a lines texts shown
  lines=("\${(@f)$("\${words[1]}" completion -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  kind=$lines[1]
  for line in "\${(@)lines[2,-1]}"; do
    texts+=("\${line%%$'\\t'*}")
    line=\${\${line/$'\\t'/  -- }%  -- }
    shown+=("\${line[1,COLUMNS-1]}")
  done
  case $kind in
    files) compset -P '--#[^=]##='; _files ;;
    folders) compset -P '--#[^=]##='; _files -/ ;;
    open) compadd -Q -S '' -l -d shown -- "\${texts[@]}" ;;
    *) compadd -Q -l -d shown -- "\${texts[@]}" ;;
  esac
}
if [ "$funcstack[1]" = _metalkit ]; then _metalkit "$@"; else compdef _metalkit metalkit; fi
`

const fish = `function __metalkit_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] completion -- $words[2..] 2>/dev/null)
    switch "$lines[1]"
        case files folders
            __fish_complete_path (string replace -r -- '^--?[^=]+=' '' $words[-1])
        case '*'
            printf '%s\\n' $lines[2..]
    end
end
complete -c metalkit -f -a '(__metalkit_complete)'
`

/** The scripts by shell. */
export const shells: Readonly<Record<string, string>> = { bash, zsh, fish }
