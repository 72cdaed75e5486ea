/**
 * The list of a backup directory for one who asks for it again and again. It is never a second truth: what is kept of the
 * last reading counts only while every directory that it was read from is as it was, and nobody has reported a change of a
 * file in them.
 */
import { type FSWatcher, statSync, watch } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { setImmediate as eventsRead } from 'node:timers/promises'
import { unlessMissing } from '../storage/io-errors.ts'
import type { BackupInfo } from './backup-info.ts'
import { metadataDirectory, typeDirectory } from './layout.ts'
import { listCatalog } from './list.ts'
import { isType } from './names.ts'

/**
 * A file's content may change without its directory doing so, and on a network file system nobody reports it: after this
 * long all is read again.
 */
const TRUSTED_MS = 30_000
/** Older kernels date changes by a clock that ticks every 4 to 10 ms: what changed so shortly before may change again unseen. */
const RACY_MS = 50

interface Reading {
  readonly backups: readonly BackupInfo[]
  /** Of every directory: which it is, and when it last changed. */
  readonly state: string
  readonly readAtMs: number
}

export class CatalogListing implements Disposable {
  readonly #backupDir: string
  readonly #now: () => number
  #reading: Reading | null = null
  #underway: Promise<Reading> | null = null
  #watchers: FSWatcher[] = []
  #watched = ''
  /** Counts reported changes. */
  #changes = 0

  /** @param now milliseconds of a clock that never goes back */
  constructor(backupDir: string, now: () => number = () => performance.now()) {
    this.#backupDir = backupDir
    this.#now = now
  }

  /** The backups of all databases, newest first. */
  async list(): Promise<readonly BackupInfo[]> {
    // Changes of a moment ago have been reported to this process, but perhaps not read by it: the first turn may be the rest
    // of one that has looked for events already.
    await eventsRead()
    await eventsRead()
    const reading = this.#reading
    if (reading !== null && this.#now() - reading.readAtMs < TRUSTED_MS) {
      const changes = this.#changes
      const state = await this.#state()
      if (state === reading.state && changes === this.#changes && reading === this.#reading) {
        return reading.backups
      }
    }
    // Whoever asks while it is being read may know of something that this reading has missed: it reads anew.
    this.#underway = (this.#underway ?? Promise.resolve()).catch(() => {}).then(() => this.#read())
    return (await this.#underway).backups
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
    this.#watched = ''
    this.#reading = null
  }

  async #read(): Promise<Reading> {
    const readAtMs = this.#now()
    const directories = await this.#directories()
    this.#watch(directories)
    const changes = this.#changes
    const state = stateOf(directories)
    const backups = await listCatalog(this.#backupDir, {})
    const reading = { backups, state, readAtMs }
    const isSettled = changes === this.#changes && state === stateOf(directories) && !isRacy(directories)
    this.#reading = isSettled ? reading : null
    return reading
  }

  async #state(): Promise<string> {
    return stateOf(await this.#directories())
  }

  async #directories(): Promise<readonly string[]> {
    const names = (await unlessMissing(this.#backupDir, () => readdir(this.#backupDir))) ?? []
    const types = names.filter(isType).toSorted()
    return [metadataDirectory(this.#backupDir), ...types.map(type => typeDirectory(this.#backupDir, type))]
  }

  /** What cannot be watched is believed for as long as directories show no change. */
  #watch(directories: readonly string[]): void {
    const wanted = directories.map(directory => `${directory}:${inodeOf(directory)}`).join('\0')
    if (wanted === this.#watched) return
    this[Symbol.dispose]()
    this.#watched = wanted
    for (const directory of directories) {
      try {
        const watcher = watch(directory, { persistent: false }, () => this.#changed())
        watcher.on('error', () => this.#changed())
        this.#watchers.push(watcher)
      } catch {
        // Not there, or the system watches no more.
      }
    }
  }

  #changed(): void {
    this.#changes += 1
    this.#reading = null
  }
}

function stateOf(directories: readonly string[]): string {
  return directories
    .map(directory => {
      const stats = statSync(directory, { bigint: true, throwIfNoEntry: false })
      return stats === undefined ? `${directory}:-` : `${directory}:${stats.ino}:${stats.mtimeNs}`
    })
    .join('\n')
}

/** Another directory of the same name is watched anew. */
function inodeOf(directory: string): bigint | null {
  return statSync(directory, { bigint: true, throwIfNoEntry: false })?.ino ?? null
}

function isRacy(directories: readonly string[]): boolean {
  return directories.some(directory => {
    const stats = statSync(directory, { throwIfNoEntry: false })
    return stats !== undefined && Math.abs(Date.now() - stats.mtimeMs) < RACY_MS
  })
}
