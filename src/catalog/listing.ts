/**
 * The list of a backup directory for one who asks for it again and again. It is never a second truth: what is kept of the
 * last reading counts only while every directory that it was read from is as it was, and nobody has reported a change of a
 * file in them.
 */
import { type FSWatcher, watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { setImmediate as eventsRead } from 'node:timers/promises'
import { judgeAll } from '../signing/signature.ts'
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
const NS_PER_MS = 1_000_000n

/** A directory: which it is, and when it last changed; nulls where there is none. */
interface Look {
  readonly directory: string
  readonly inode: bigint | null
  readonly modifiedNs: bigint | null
}

interface Reading {
  readonly backups: readonly BackupInfo[]
  /** Of every directory: how it looked. */
  readonly state: string
  readonly readAtMs: number
}

export class CatalogListing implements Disposable {
  readonly #backupDir: string
  readonly #now: () => number
  readonly #trusted: readonly string[]
  #reading: Reading | null = null
  #underway: Promise<Reading> | null = null
  /** The one that begins when that has ended. */
  #next: Promise<Reading> | null = null
  #watchers: FSWatcher[] = []
  #watched = ''
  /** Counts reported changes. */
  #changes = 0

  /**
   * @param now milliseconds of a clock that never goes back
   * @param trusted whose signatures are taken
   */
  constructor(
    backupDir: string,
    now: () => number = () => performance.now(),
    trusted: readonly string[] = [],
  ) {
    this.#backupDir = backupDir
    this.#now = now
    this.#trusted = trusted
  }

  /** The backups of all databases, newest first. */
  async list(): Promise<readonly BackupInfo[]> {
    await this.#underway?.catch(() => {})
    const known = await this.#known()
    if (known !== null) return known.backups
    // Whoever asks while it is being read may know of something that this reading has missed: all of those share the next.
    this.#next ??= (this.#underway ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        this.#next = null
        this.#underway = this.#read()
        return this.#underway
      })
    return (await this.#next).backups
  }

  /** The last reading, if it still holds. */
  async #known(): Promise<Reading | null> {
    // Changes of a moment ago have been reported to this process, but perhaps not read by it: the first turn may be the rest
    // of one that has looked for events already.
    await eventsRead()
    await eventsRead()
    const reading = this.#reading
    if (reading === null || this.#now() - reading.readAtMs >= TRUSTED_MS) return null
    const changes = this.#changes
    const state = stateOf(await this.#look())
    const holds = state === reading.state && changes === this.#changes && reading === this.#reading
    return holds ? reading : null
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers) watcher.close()
    this.#watchers = []
    this.#watched = ''
    this.#reading = null
  }

  async #read(): Promise<Reading> {
    const readAtMs = this.#now()
    const before = await this.#look()
    this.#watch(before)
    const changes = this.#changes
    const state = stateOf(before)
    const backups = await judgeAll(await listCatalog(this.#backupDir, {}), this.#trusted)
    const reading = { backups, state, readAtMs }
    const after = await this.#look()
    const isSettled = changes === this.#changes && state === stateOf(after) && !after.some(isRacy)
    this.#reading = isSettled ? reading : null
    return reading
  }

  async #look(): Promise<readonly Look[]> {
    const names = (await unlessMissing(this.#backupDir, () => readdir(this.#backupDir))) ?? []
    const types = names.filter(isType).toSorted()
    const directories = types.map(type => typeDirectory(this.#backupDir, type))
    return await Promise.all([metadataDirectory(this.#backupDir), ...directories].map(lookAt))
  }

  /** What cannot be watched is believed for as long as directories show no change. */
  #watch(looks: readonly Look[]): void {
    // Another directory of the same name is watched anew.
    const wanted = looks.map(({ directory, inode }) => `${directory}:${inode}`).join('\0')
    if (wanted === this.#watched) return
    this[Symbol.dispose]()
    this.#watched = wanted
    for (const { directory } of looks) {
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

async function lookAt(directory: string): Promise<Look> {
  const stats = await unlessMissing(directory, () => stat(directory, { bigint: true }))
  return { directory, inode: stats?.ino ?? null, modifiedNs: stats?.mtimeNs ?? null }
}

function stateOf(looks: readonly Look[]): string {
  return looks.map(({ directory, inode, modifiedNs }) => `${directory}:${inode}:${modifiedNs}`).join('\n')
}

function isRacy({ modifiedNs }: Look): boolean {
  return modifiedNs !== null && Math.abs(Date.now() - Number(modifiedNs / NS_PER_MS)) < RACY_MS
}
