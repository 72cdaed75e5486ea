import { styleText } from 'node:util'
import type { Failure } from '../index.ts'
import { safeLines } from './text.ts'

type Format = Parameters<typeof styleText>[0]
/** Colours text where the stream shows colours, and leaves it alone elsewhere (NO_COLOR, FORCE_COLOR, a pipe). */
export type Paint = (format: Format, text: string) => string

export const paintOut: Paint = (format, text) => styleText(format, text, { stream: process.stdout })
export const paintError: Paint = (format, text) => styleText(format, text, { stream: process.stderr })

/** Columns of the terminal behind stdout; `Infinity` where there is none, so that nothing is cut. */
export function outWidth(): number {
  return process.stdout.isTTY ? process.stdout.columns || 80 : Infinity
}

/**
 * A reader that went away (`| head`) is no error of ours: the rest of the output is dropped, the
 * operation and its exit code stay. Output that cannot be written at all is one.
 */
export function guardOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') return
    process.stderr.write(`Error: Output could not be written: ${error.message}\n`)
    // Last of all: what the command comes to is set when it ends, and that may be later.
    process.once('exit', code => {
      if (code === 0) process.exitCode = 1
    })
  })
  process.stderr.on('error', () => {})
}

export function printText(text: string): void {
  if (text !== '') process.stdout.write(`${text}\n`)
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`)
}

/** What the user should know beside the result. */
export function printWarning(message: string): void {
  process.stderr.write(`${paintError('yellow', 'Warning:')} ${safeLines(message)}\n`)
}

/** As JSON on stdout, or in words on stderr: what happened, then on a line of its own what to do. */
export function printFailure(failure: Failure, json: boolean): void {
  if (json) printJson(failure)
  else {
    const hint = failure.hint === undefined ? '' : `\n${safeLines(failure.hint)}`
    process.stderr.write(`${paintError(['red', 'bold'], 'Error:')} ${safeLines(failure.message)}${hint}\n`)
  }
  const cause = failure.code === 'UNEXPECTED' && 'cause' in failure ? failure.cause : undefined
  if (process.env['CHAME_BACKUP_DEBUG'] === '1' && cause instanceof Error) {
    process.stderr.write(`${cause.stack ?? cause.message}\n`)
  }
}
