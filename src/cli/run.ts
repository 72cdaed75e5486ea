import type { Command } from 'commander'
import type { Failure } from '../index.ts'
import { ParseEnded } from './define-command.ts'
import { guardOutput, printFailure, printJson } from './output.ts'
import { buildProgram } from './program.ts'

/** The hidden command that the shells' completion scripts call. */
const COMPLETE = 'complete'

/** Runs one command line and sets the process's exit code. */
export async function run(argv: readonly string[]): Promise<void> {
  guardOutput()
  const program = buildProgram()
  if (argv[0] === COMPLETE) {
    // Before commander: the words after it are a command line half typed, not one to parse.
    const { completeWords } = await import('./complete.ts')
    return completeWords(program, argv.slice(1))
  }
  const json = asksForJson(argv)
  let helpText = ''
  if (json) {
    const keep = { writeOut: (text: string) => void (helpText += text), writeErr: () => {} }
    for (const command of [program, ...program.commands]) command.configureOutput(keep)
  }
  try {
    refuseHelpOnUnknown(program, argv)
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    await endParse(error, { json, helpText })
  }
}

/** Commander would show the help of the whole, without a word on why. */
function refuseHelpOnUnknown(program: Command, [first, wanted]: readonly string[]): void {
  if (first !== 'help' || wanted === undefined || wanted.startsWith('-')) return
  const known = [...program.commands.map(command => command.name()), 'help']
  if (!known.includes(wanted)) program.error(`error: unknown command '${wanted}'`)
}

/** The parse itself may fail, so the words are looked at before it. */
function asksForJson(argv: readonly string[]): boolean {
  const end = argv.indexOf('--')
  return (end === -1 ? argv : argv.slice(0, end)).includes('--json')
}

async function endParse(error: unknown, shown: { json: boolean; helpText: string }): Promise<void> {
  if (error instanceof ParseEnded && error.reason.exitCode === 0) {
    if (shown.json) printJson({ success: true, text: shown.helpText.trimEnd() })
    return
  }
  const { ERRORS, toFailure } = await import('../index.ts')
  if (!(error instanceof ParseEnded)) {
    const failure = toFailure(error)
    printFailure(failure, shown.json)
    process.exitCode = ERRORS[failure.code].exit
    return
  }
  const failure = usageFailure(error)
  // Without any command commander has shown the help already; that says more than an error would.
  if (shown.json || error.reason.code !== 'commander.help') printFailure(failure, shown.json)
  process.exitCode = ERRORS[failure.code].exit
}

function usageFailure({ command, reason }: ParseEnded): Failure {
  const [first = '', ...suggestions] = reason.message.replace(/^error: /, '').split('\n')
  const message =
    reason.code === 'commander.help' ? 'No command given' : first.charAt(0).toUpperCase() + first.slice(1)
  const name = command.parent === null ? command.name() : `${command.parent.name()} ${command.name()}`
  return {
    success: false,
    code: 'INVALID_ARGUMENT',
    message,
    // Commander suggests in brackets: "(Did you mean list?)".
    hint: [...suggestions.map(text => text.replace(/^\((.*)\)$/, '$1')), `See: ${name} --help`].join(' '),
  }
}
