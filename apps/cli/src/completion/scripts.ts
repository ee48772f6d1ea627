export const shells = ["bash", "zsh", "fish"] as const;
export type Shell = (typeof shells)[number];

/**
 * What a shell is to run so that it completes `apispool`. The script asks `apispool complete` for everything; that answers a
 * candidate a line, with a tab before what it means, and `:files` where files may stand.
 */
export function completionScript(shell: Shell, self: readonly string[]): string {
  return scripts[shell](self.map((part) => `'${part.replaceAll("'", String.raw`'\''`)}'`).join(" "));
}

const scripts: Readonly<Record<Shell, (program: string) => string>> = {
  bash: (program) => `_apispool() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" value
  COMPREPLY=()
  while IFS=$'\\t' read -r value _; do
    if [[ $value == :files ]]; then
      compopt -o filenames
      while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "$cur")
    else
      COMPREPLY+=("$value")
    fi
  done < <(${program} complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _apispool apispool`,
  zsh: (program) => `#compdef apispool
_apispool() {
  local -a candidates
  local value meaning files
  while IFS=$'\\t' read -r value meaning; do
    if [[ $value == :files ]]; then
      files=yes
    else
      candidates+=("\${value//:/\\\\:}:$meaning")
    fi
  done < <(${program} complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  (( $#candidates )) && _describe apispool candidates
  [[ -n $files ]] && _files
}
compdef _apispool apispool`,
  fish: (program) => `function __apispool_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in (${program} complete -- $words[2..] 2>/dev/null)
    if test "$line" = :files
      __fish_complete_path (commandline -ct)
    else
      echo $line
    end
  end
end
complete -c apispool -f -a '(__apispool_complete)'`,
};
