import type { Shell } from './completion.ts'

/**
 * The scripts only hand the words over and show what comes back, so a script that was installed
 * once offers what the installed version knows: see complete.ts for the answer's form.
 */
const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# bash completion for chame-backup
_chame_backup() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :files) compopt -o default ;;
      :directories) compopt -o dirnames ;;
      *) COMPREPLY+=("$(printf '%q' "\${line%%$'\\t'*}")") ;;
    esac
  done < <("\${COMP_WORDS[0]}" complete bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _chame_backup chame-backup
`,
  zsh: `#compdef chame-backup
_chame_backup() {
  local line fallback
  local -a described
  for line in "\${(@f)$("\${words[1]}" complete zsh -- "\${(@Q)words[2,CURRENT]}" 2>/dev/null)}"; do
    case "$line" in
      :files) fallback=(_files) ;;
      :directories) fallback=(_files -/) ;;
      ?*) described+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  if (( \${#described} )); then
    _describe -V 'chame-backup' described
  elif (( \${#fallback} )); then
    compset -P '*='
    $fallback
  fi
}
if [[ "\${funcstack[1]}" == _chame_backup ]]; then
  _chame_backup "$@"
else
  compdef _chame_backup chame-backup
fi
`,
  fish: `# fish completion for chame-backup
function __chame_backup_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in ($words[1] complete fish -- $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path (string replace -r '^--[^=]*=' '' -- "$current")
            case :directories
                __fish_complete_directories (string replace -r '^--[^=]*=' '' -- "$current")
            case '*'
                printf '%s\\n' $line
        end
    end
end
complete -c chame-backup -e
complete -c chame-backup -f -k -a '(__chame_backup_complete)'
`,
}

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell]
}
