import type { Command } from 'commander'
import type { Administration, Database, DatabaseOptions, ErrorCode, Failure, RunOptions } from '../index.ts'
import { type GlobalOptions, given } from './options.ts'
import { printFailure, printJson, printText, printWarning } from './output.ts'
import { type Cancellation, cancelOnSignals } from './signals.ts'

/** What a command works with: the database that was meant, and the ways to show something. */
export interface Session {
  readonly database: Database
  readonly administration: Administration
  readonly options: GlobalOptions
  /** A person is there to be asked: stdin and stderr are terminals, and no machine reads the answer. */
  readonly isInteractive: boolean
  readonly cancellation: Cancellation
  /** Runs one operation, cancellable, with a progress bar where someone would see it. */
  run<Result>(operation: (options: RunOptions) => Promise<Result>): Promise<Result>
  /** Shows a result as JSON or in words, or the failure; returns the exit code. */
  show<Result extends { readonly success: true }>(
    result: Result | Failure,
    words: (result: Result) => string,
  ): number
  /** The exit code of `code`, from the table of all errors. */
  exitOf(code: ErrorCode): number
}

/** Runs the body of a command and sets the process's exit code to what it returns. */
export async function inSession(
  command: Command,
  body: (session: Session) => Promise<number>,
): Promise<void> {
  const { Administration, Database, ERRORS, toFailure } = await import('../index.ts')
  const options = command.optsWithGlobals<GlobalOptions>()
  const json = options.json === true
  using cancellation = cancelOnSignals()
  const show: Session['show'] = (result, words) => {
    if (!result.success) {
      printFailure(result, json)
      return ERRORS[result.code].exit
    }
    if (json) printJson(result)
    else printText(words(result))
    return 0
  }
  const { path, backupDir, database, config } = options
  const meant: DatabaseOptions = {
    ...given({ path, backupDir, database, config }),
    // This process never opens the database otherwise, so the engine may work here: no child to start.
    engine: 'here',
    actor: { door: 'cli' },
    onAuditProblem: printWarning,
  }
  const session: Session = {
    database: new Database(meant),
    administration: new Administration(meant),
    options,
    isInteractive: process.stdin.isTTY && process.stderr.isTTY && !json,
    cancellation,
    run: operation => runWithProgress(operation, options, cancellation.signal),
    show,
    exitOf: code => ERRORS[code].exit,
  }
  try {
    process.exitCode = await body(session)
  } catch (error) {
    process.exitCode = show(toFailure(error), () => '')
  }
}

async function runWithProgress<Result>(
  operation: (options: RunOptions) => Promise<Result>,
  options: GlobalOptions,
  signal: AbortSignal,
): Promise<Result> {
  const isWatched = process.stderr.isTTY && process.env['TERM'] !== 'dumb'
  if (!isWatched || options.json === true || options.quiet === true) return operation({ signal })
  const { openProgressBar } = await import('./progress.ts')
  using bar = openProgressBar(process.stderr)
  const { report, announceCancelling } = bar
  signal.addEventListener('abort', announceCancelling)
  try {
    return await operation({ signal, onProgress: report })
  } finally {
    signal.removeEventListener('abort', announceCancelling)
  }
}
