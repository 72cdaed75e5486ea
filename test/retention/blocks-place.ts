/** A database of pages that nothing compresses, backed up by its pages day by day, or minute by minute. */
import { createHash } from 'node:crypto'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { BackupCreated, CleanupRequest, Config, CreateBackupRequest } from '../../src/index.ts'
import { cleanupBackups } from '../../src/operations/cleanup-backups.ts'
import type { Context } from '../../src/operations/context.ts'
import { createBackup } from '../../src/operations/create-backup.ts'
import type { BackupsCleanedUp } from '../../src/operations/reports.ts'
import { openPlace, type Place } from '../off-site/place.ts'
import { openDatabase } from '../support/databases.ts'
import { contextOf, type ContextOptions } from '../support/operation.ts'
import { filesBelow } from '../support/temporary.ts'

const ROWS = 200
/** One row fills a page of 4096 bytes. */
const ROW_BYTES = 4000
/** So many rows change before each backup, the same ones every time: what was in them only one backup has. */
const CHANGED = 25
const MINUTE_MS = 60_000

export class BlocksPlace {
  readonly place: Place
  readonly #config: Config
  /** Nothing is flushed; but then there are no targets. */
  readonly #isDisposable: boolean
  readonly #begun = Date.now() - 60 * MINUTE_MS
  #minutes = 0

  constructor(config: Config = {}, targets: readonly string[] = []) {
    this.#config = { encoding: 'blocks', timeZone: 'UTC', ...config }
    this.#isDisposable = targets.length === 0
    this.place = openPlace(targets, this.#config, { commits: 1 })
    const connection = openDatabase(this.place.databasePath)
    connection.exec('CREATE TABLE page (id INTEGER PRIMARY KEY, content BLOB)')
    const insert = connection.prepare('INSERT INTO page VALUES (?, ?)')
    for (let row = 0; row < ROWS; row++) insert.run(row, randomBytes(`${row}`))
    connection.close()
  }

  /** What an operation is given, a minute after the last one that made a backup. */
  context(more: Partial<ContextOptions> = {}): Context {
    const now = (): Date => new Date(this.#begun + (this.#minutes + 1) * MINUTE_MS)
    return contextOf({
      path: this.place.databasePath,
      config: this.#config,
      now,
      disposable: this.#isDisposable,
      ...more,
    })
  }

  /** Changes some rows and makes a backup; daily by default. */
  async backUp(request: CreateBackupRequest = {}): Promise<BackupCreated> {
    this.#minutes += 1
    const connection = openDatabase(this.place.databasePath)
    const update = connection.prepare('UPDATE page SET content = ? WHERE id = ?')
    for (let i = 0; i < CHANGED; i++) {
      const row = i * (ROWS / CHANGED)
      update.run(randomBytes(`${row} at ${this.#minutes}`), row)
    }
    connection.close()
    return await createBackup({ backupType: 'daily', ...request }, this.context())
  }

  /** So many of them; returns their file names, the newest first. */
  async backUpTimes(count: number, request: CreateBackupRequest = {}): Promise<string[]> {
    const names: string[] = []
    for (let i = 0; i < count; i++) names.unshift((await this.backUp(request)).filename)
    return names
  }

  cleanUp(request: CleanupRequest, more: Partial<ContextOptions> = {}): Promise<BackupsCleanedUp> {
    return cleanupBackups(request, this.context(more))
  }

  /** Bytes of the files of backups, and of packs. */
  storedBytes(where = 'backups'): number {
    const directory = this.place.path(where)
    const stored = filesBelow(directory).filter(name => /\.pack$|\.db(?:\.blocks)?$/.test(name))
    return stored.reduce((sum, name) => sum + statSync(join(directory, name)).size, 0)
  }
}

export function namesOf(list: BackupsCleanedUp['kept']): string[] {
  return list.map(({ backup }) => backup.filename)
}

function randomBytes(seed: string): Buffer {
  const hashes = Array.from({ length: Math.ceil(ROW_BYTES / 64) }, (_, i) =>
    createHash('sha512').update(`${seed}/${i}`).digest(),
  )
  return Buffer.concat(hashes).subarray(0, ROW_BYTES)
}
