import type { Settings } from '../config/settings.ts'
import { openConfigured } from '../operations/open-configured.ts'
import type { RunOptions } from '../operations/reports.ts'
import { SqliteProcess } from '../sqlite/sqlite-process.ts'
import { type OperationName, type Operations, perform } from './operations.ts'

/** One operation to run. */
export interface Job<Name extends OperationName = OperationName> {
  readonly name: Name
  readonly settings: Settings
  readonly request: Operations[Name]['request']
}

/** SQLite processes that are idle. An operation has one to itself. */
const idle: SqliteProcess[] = []

/** Starts a SQLite process for the next operation, unless one is idle: its start takes as long as a small backup. */
export function prepareHere(): void {
  if (idle.length > 0) return
  const sqlite = new SqliteProcess()
  sqlite.start()
  idle.push(sqlite)
}

/** Runs an operation in this process; only its SQLite work is done in another. Throws `BackupError`. */
export async function runHere<Name extends OperationName>(
  { name, settings, request }: Job<Name>,
  { onProgress, signal }: RunOptions,
): Promise<Operations[Name]['result']> {
  const sqlite = idle.pop() ?? new SqliteProcess()
  sqlite.patienceMs = settings.stallAfterMs
  try {
    return await perform(name, request, {
      settings,
      sqlite,
      signal: signal ?? new AbortController().signal,
      onProgress: onProgress ?? (() => {}),
      now: () => new Date(),
      openTarget: target => openConfigured(settings, target, process.env),
    })
  } finally {
    idle.push(sqlite)
  }
}
