/** Shell code that asks `wharf __complete`; one for each shell. */
export const SCRIPTS = {
  bash: String.raw`# Completion of wharf for bash. Load it with:  source <(wharf completion bash)
# or for all shells:  wharf completion bash > /etc/bash_completion.d/wharf
_wharf() {
  local line=${'$'}{COMP_LINE:0:COMP_POINT} IFS=$' \t\n' opts=$-
  set -f
  local -a words=($line)
  [[ $opts == *f* ]] || set +f
  [[ $line == *[[:space:]] ]] && words+=("")
  local current=${'$'}{words[-1]} kind about word
  COMPREPLY=()
  # Readline takes what follows a colon or an equals sign for a word of its own.
  local prefix=
  [[ $current == *[:=]* ]] && prefix=${'$'}{current%"${'$'}{current##*[:=]}"}
  {
    read -r kind
    while IFS=$'\t' read -r word about; do
      COMPREPLY+=("${'$'}{word#"$prefix"}")
    done
  } < <("${'$'}{words[0]}" __complete "${'$'}{words[@]:1}" 2>/dev/null)
  case $kind in
    :files) compopt -o default; COMPREPLY=() ;;
    :folders) compopt -o dirnames; COMPREPLY=() ;;
  esac
  [[ ${'$'}{#COMPREPLY[@]} -eq 1 && ${'$'}{COMPREPLY[0]} == *[=:,/] ]] && compopt -o nospace
  return 0
}
complete -F _wharf wharf
`,
  zsh: String.raw`#compdef wharf
# Completion of wharf for zsh. Load it with:  source <(wharf completion zsh)
# or for all shells:  wharf completion zsh > "${'$'}{fpath[1]}/_wharf"
_wharf() {
  local -a lines closed open
  local kind line entry
  lines=("${'$'}{(@f)$(${'$'}{words[1]} __complete "${'$'}{(@)words[2,CURRENT]}" 2>/dev/null)}")
  kind=${'$'}{lines[1]}
  for line in "${'$'}{(@)lines[2,-1]}"; do
    entry="${'$'}{${'$'}{line%%$'\t'*}//:/\\:}:${'$'}{line#*$'\t'}"
    # More follows what ends so: no blank after it.
    if [[ ${'$'}{line%%$'\t'*} == *[=:,/] ]]; then open+=("$entry"); else closed+=("$entry"); fi
  done
  case $kind in
    :files) _files ;;
    :folders) _files -/ ;;
    *)
      (( $#closed )) && _describe -V wharf closed
      (( $#open )) && _describe -V wharf open -S ''
      ;;
  esac
}
if [ "$funcstack[1]" = _wharf ]; then
  _wharf "$@"
elif (( $+functions[compdef] )); then
  compdef _wharf wharf
else
  autoload -Uz compinit && compinit && compdef _wharf wharf
fi
`,
  fish: String.raw`# Completion of wharf for fish. Load it with:  wharf completion fish | source
# or for all shells:  wharf completion fish > ~/.config/fish/completions/wharf.fish
function __wharf_complete
    set -l typed (commandline -opc) (commandline -ct)
    set -l lines ($typed[1] __complete $typed[2..-1] 2>/dev/null)
    switch "$lines[1]"
        case ':files'
            __fish_complete_path (commandline -ct)
        case ':folders'
            __fish_complete_directories (commandline -ct)
        case '*'
            printf '%s\n' $lines[2..-1]
    end
end
complete -c wharf -f -a '(__wharf_complete)'
`,
} as const;
