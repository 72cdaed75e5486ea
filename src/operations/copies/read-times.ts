/**
 * When each object at a target was last read there, kept in the backup directory. A help for the order in which they are
 * read again: without it they count from when they were put there.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeCacheFile } from '../../catalog/cache-file.ts'
import { isFromWrongClock } from '../../schedule/due.ts'
import { isThere } from '../../storage/durable.ts'

/** What was not read for so long comes first in any case. */
const KEPT_MS = 366 * 86_400_000

/** By the object's key, UTC, ISO 8601. */
type Times = Map<string, string>

export class ReadTimes {
  readonly #backupDir: string
  readonly #path: string
  readonly #whole: Times
  /** Of what was damaged when it was last read. */
  readonly #damaged: Times

  private constructor(
    backupDir: string,
    path: string,
    { whole, damaged }: { readonly whole: Times; readonly damaged: Times },
  ) {
    this.#backupDir = backupDir
    this.#path = path
    this.#whole = whole
    this.#damaged = damaged
  }

  static async open(backupDir: string, target: string): Promise<ReadTimes> {
    const path = join(backupDir, 'targets', target, 'read.json')
    return new ReadTimes(backupDir, path, parse(await readFile(path, 'utf8').catch(() => '')))
  }

  /**
   * When it was last read, however that went: milliseconds since 1970; null for what never was. A clock that ran ahead
   * has noted nothing that counts.
   */
  of(key: string, now: Date): number | null {
    const at = this.#damaged.get(key) ?? this.#whole.get(key)
    return at === undefined || isFromWrongClock(new Date(at), now) ? null : Date.parse(at)
  }

  /** When it was last read, if it was whole then. */
  wholeAt(key: string): string | null {
    return this.#damaged.has(key) ? null : (this.#whole.get(key) ?? null)
  }

  note(key: string, { isWhole, now }: { readonly isWhole: boolean; readonly now: Date }): void {
    if (isWhole) this.#damaged.delete(key)
    const times = isWhole ? this.#whole : this.#damaged
    times.set(key, now.toISOString())
  }

  /** What cannot be written is read once more than it had to be. Where nothing is kept at all, this is not, either. */
  async write(now: Date): Promise<void> {
    if (!(await isThere(this.#backupDir))) return
    const recent = (times: Times): Record<string, string> =>
      Object.fromEntries([...times].filter(([, at]) => now.getTime() - Date.parse(at) < KEPT_MS))
    const kept = { schema: 1, whole: recent(this.#whole), damaged: recent(this.#damaged) }
    await writeCacheFile(this.#path, `${JSON.stringify(kept)}\n`, now).catch(() => {})
  }
}

/** Nothing was read, where the text makes no sense. */
function parse(text: string): { whole: Times; damaged: Times } {
  try {
    const { whole, damaged } = JSON.parse(text) as Record<string, unknown>
    return { whole: timesOf(whole), damaged: timesOf(damaged) }
  } catch {
    return { whole: new Map(), damaged: new Map() }
  }
}

/** Throws where it is no such object. */
function timesOf(value: unknown): Times {
  const entries = Object.entries(value as Record<string, unknown>)
  return new Map(
    entries.filter(
      (entry): entry is [string, string] =>
        typeof entry[1] === 'string' && Number.isFinite(Date.parse(entry[1])),
    ),
  )
}
