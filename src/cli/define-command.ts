import { styleText } from 'node:util'
import { Command, type CommanderError } from 'commander'

/** Commander ended the parse: a mistake in the command line, or help or the version was asked for. */
export class ParseEnded extends Error {
  override readonly name = 'ParseEnded'
  readonly command: Command
  readonly reason: CommanderError

  constructor(command: Command, reason: CommanderError) {
    super(reason.message)
    this.command = command
    this.reason = reason
  }
}

/** A command that throws {@link ParseEnded} instead of ending the process, and never prints errors itself. */
export function defineCommand(name: string, description: string): Command {
  const command = new Command(name)
  return command
    .description(description)
    .helpOption('--help', 'show this help')
    .configureHelp({ showGlobalOptions: true, styleTitle: title => styleText('bold', title, ALWAYS) })
    .configureOutput({ outputError: () => {} })
    .exitOverride(reason => {
      throw new ParseEnded(command, reason)
    })
}

/** Commander takes colours out again where the stream cannot show them. */
const ALWAYS = { validateStream: false } as const

/** The examples below a command's help: what to type, and what it does. */
export function examples(lines: readonly (readonly [command: string, meaning: string])[]): string {
  const typed = lines.map(([command]) => `  chame-backup ${command}`)
  const width = Math.max(...typed.map(text => text.length))
  const shown = lines.map(([, meaning], index) => `${(typed[index] ?? '').padEnd(width)}  # ${meaning}`)
  return `\nExamples:\n${shown.join('\n')}`
}
