/**
 * What was read of a target's metadata, kept in the backup directory so that it is not fetched again. Never a truth: an
 * entry counts only while the target lists the object as it was, and whatever is wrong with the file, it is made anew.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isThere } from '../storage/durable.ts'
import type { StoredObject } from '../storage/target.ts'
import { writeCacheFile } from './cache-file.ts'
import type { MetadataCache } from './target-catalog.ts'

/** What was changed so shortly before it was read may have been changed again within what a clock tells apart. */
const SETTLED_MS = 60_000

interface Line extends StoredObject {
  readonly text: string
}

/** Disposing of it writes down what was read, without the entries of what is gone. */
export class MetadataCacheFile implements MetadataCache, AsyncDisposable {
  readonly #path: string
  readonly #known: ReadonlyMap<string, Line>
  readonly #used = new Map<string, Line>()
  readonly #now: Date
  readonly #isConcerned: CacheUse['isConcerned']

  private constructor(path: string, known: ReadonlyMap<string, Line>, { now, isConcerned }: CacheUse) {
    this.#path = path
    this.#known = known
    this.#now = now
    this.#isConcerned = isConcerned
  }

  /** Null without a backup directory, as on a machine where something is only restored. */
  static async open(backupDir: string, target: string, use: CacheUse): Promise<MetadataCacheFile | null> {
    if (!(await isThere(backupDir))) return null
    const path = join(backupDir, 'targets', target, 'metadata.jsonl')
    const text = await readFile(path, 'utf8').catch(() => '')
    return new MetadataCacheFile(path, new Map(parseLines(text).map(line => [line.key, line])), use)
  }

  get({ key, sizeBytes, modified }: StoredObject): string | undefined {
    const line = this.#known.get(key)
    return line?.sizeBytes === sizeBytes && line.modified === modified ? line.text : undefined
  }

  set({ key, sizeBytes, modified }: StoredObject, text: string): void {
    if (modified === null || !(this.#now.getTime() - Date.parse(modified) > SETTLED_MS)) return
    this.#used.set(key, { key, sizeBytes, modified, text })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const others = [...this.#known].filter(([key]) => !this.#isConcerned(key))
    const lines = new Map([...others, ...this.#used])
    const isSame =
      lines.size === this.#known.size &&
      [...lines].every(([key, line]) => isEqual(this.#known.get(key), line))
    if (!isSame) await this.#write([...lines.values()]).catch(() => {})
  }

  async #write(lines: readonly Line[]): Promise<void> {
    const text = lines.map(line => `${JSON.stringify(line)}\n`).join('')
    await writeCacheFile(this.#path, text, this.#now)
  }
}

export interface CacheUse {
  readonly now: Date
  /** Of which keys all are looked at that are there: entries of others stay. */
  readonly isConcerned: (key: string) => boolean
}

function isEqual(a: Line | undefined, b: Line): boolean {
  return a?.sizeBytes === b.sizeBytes && a.modified === b.modified
}

/** None of a file that is not ours, or of a part of one. */
function parseLines(text: string): Line[] {
  try {
    return text
      .split('\n')
      .filter(line => line !== '')
      .map(line => parseLine(JSON.parse(line)))
  } catch {
    return []
  }
}

function parseLine(value: Partial<Record<keyof Line, unknown>>): Line {
  const { key, sizeBytes, modified, text } = value
  const isWhole =
    typeof key === 'string' &&
    typeof sizeBytes === 'number' &&
    typeof modified === 'string' &&
    typeof text === 'string'
  if (!isWhole) throw new Error('Not a line of ours')
  return { key, sizeBytes, modified, text }
}
