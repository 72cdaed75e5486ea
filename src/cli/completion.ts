import { Argument, type Command } from 'commander'
import { defineCommand } from './define-command.ts'
import type { GlobalOptions } from './options.ts'
import { printJson, printText } from './output.ts'

/** The shells that there is a completion script for. */
export type Shell = 'bash' | 'zsh' | 'fish'
const SHELLS: readonly Shell[] = ['bash', 'zsh', 'fish']

export function completionCommand(): Command {
  return defineCommand(
    'completion',
    'Print a script that completes commands, options and backups in a shell.',
  )
    .addArgument(new Argument('<shell>', 'which shell').choices(SHELLS))
    .addHelpText('after', HOW_TO_INSTALL)
    .action(async (shell: Shell, _options: unknown, command: Command) => {
      const { completionScript } = await import('./completion-scripts.ts')
      const script = completionScript(shell)
      if (command.optsWithGlobals<GlobalOptions>().json) printJson({ success: true, shell, script })
      else printText(script.trimEnd())
    })
}

const HOW_TO_INSTALL = `
Examples:
  source <(chame-backup completion bash)  # in ~/.bashrc
  source <(chame-backup completion zsh)   # in ~/.zshrc, after compinit
  chame-backup completion fish > ~/.config/fish/completions/chame-backup.fish`
