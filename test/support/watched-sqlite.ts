/** The product's own SQLite process, with something that happens just before or just after it is asked something. */
import type { ChildProcess } from 'node:child_process'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { onTestFinished } from 'vitest'
import type { SqliteRequestName, SqliteRequests } from '../../src/sqlite/requests.ts'
import { type AskOptions, SqliteProcess } from '../../src/sqlite/sqlite-process.ts'

export interface SqliteWatcher {
  readonly before?: (name: SqliteRequestName, sqlite: WatchedSqlite) => void
  /** Called after an answer and after a fault alike. */
  readonly after?: (name: SqliteRequestName, sqlite: WatchedSqlite) => void
}

/** What else happens at an instant that no step of an operation tells of, such as another program's write. */
export class WatchedSqlite extends SqliteProcess {
  readonly #watcher: SqliteWatcher
  #started: ChildProcess | null = null

  constructor(watcher: SqliteWatcher = {}) {
    super()
    this.#watcher = watcher
    onTestFinished(() => this.kill())
  }

  override start(): void {
    const note = (message: unknown): void => {
      this.#started = (message as { process: ChildProcess }).process
    }
    subscribe('child_process', note)
    super.start()
    unsubscribe('child_process', note)
  }

  /** Kills the process once it was asked what it is about to be asked, which it never gets to read. */
  killUnanswered(): void {
    this.#started?.kill('SIGSTOP')
    process.nextTick(() => this.kill())
  }

  override async ask<Name extends SqliteRequestName>(
    name: Name,
    request: SqliteRequests[Name]['request'],
    options: AskOptions = {},
  ): Promise<SqliteRequests[Name]['answer']> {
    this.#watcher.before?.(name, this)
    try {
      return await super.ask(name, request, options)
    } finally {
      this.#watcher.after?.(name, this)
    }
  }
}

/** Does something the first time that it is called, and nothing after that. */
export function once(act: () => void): () => void {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}
