/** What the acts share: the places, the product as an application uses it, and the application itself. */
import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { type BackupCreated, Database, type Failure } from '../src/index.ts'
import { type Facts, readFactsOfImage } from './facts.ts'
import type { Narrator } from './narrator.ts'
import { WriterProcess } from './writer-process.ts'

export interface Stage {
  readonly path: string
  readonly backupDir: string
  readonly backups: Database
  readonly narrator: Narrator
}

export function setStage(directory: string, narrator: Narrator): Stage {
  const path = join(directory, 'chame.db')
  const backupDir = join(directory, 'backups')
  return { path, backupDir, backups: new Database({ path, backupDir }), narrator }
}

/** The application: a process that writes without pause, and a connection in this process that stays open. */
export class Application implements Disposable {
  readonly writer: WriterProcess
  readonly connection: DatabaseSync

  constructor(path: string) {
    this.writer = new WriterProcess(path)
    this.connection = new DatabaseSync(path, { timeout: 5_000 })
  }

  [Symbol.dispose](): void {
    this.writer[Symbol.dispose]()
    if (this.connection.isOpen) this.connection.close()
  }
}

/** A backup, and what is in it. */
export interface Kept {
  readonly backup: BackupCreated
  readonly facts: Facts
}

/** The result, when the call succeeded; otherwise the demo ends here and says why. */
export function must<T extends { readonly success: true }>(result: T | Failure): T {
  if (result.success) return result
  throw new Error(`${result.code}: ${result.message}${result.hint === undefined ? '' : ` ${result.hint}`}`)
}

export function keep(backup: BackupCreated): Kept {
  return { backup, facts: readFactsOfImage(backup.backupPath) }
}

export function isSame(a: Facts, b: Facts): boolean {
  return a.fingerprint === b.fingerprint && a.commits === b.commits && a.searchHits === b.searchHits
}

export function count(value: number): string {
  return value.toLocaleString('en-US')
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
