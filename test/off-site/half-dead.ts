/** A pack at a target of which little is left that a backup there needs. */
import { createHash } from 'node:crypto'
import { utimesSync } from 'node:fs'
import type { Config, PacksCollected } from '../../src/index.ts'
import { collectAtTarget } from '../../src/operations/collect-at-target.ts'
import { openDatabase } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { contextDuring, type Meanwhile } from './meanwhile.ts'
import { local, openPlace, type Place } from './place.ts'

const DAY_MS = 86_400_000
const ROWS = 400
/** A row fills most of a page, with what nothing can compress. */
export const ROW_BYTES = 3_000

export interface HalfDead {
  readonly place: Place
  /** Deleted at the target, or to be. */
  readonly older: string
  readonly newer: string
  /** The pack that both have pages in, as a key. */
  readonly pack: string
  readonly config: Config
}

export interface HalfDeadForm {
  readonly config?: Config
  /**
   * How many of the 400 rows each further backup has anew, the first of them; they are about so many pages. Default: one
   * backup, 360 rows
   */
  readonly changed?: readonly number[]
  /** Whether the older backups are still there. Default: deleted */
  readonly isOlderThere?: boolean
}

/** Makes backups of pages, and has them copied to the target `far`. All packs there are two days old. */
export async function openHalfDead(form: HalfDeadForm = {}): Promise<HalfDead> {
  const config: Config = {
    encoding: 'blocks',
    targets: { far: local('far') },
    timeZone: 'UTC',
    ...form.config,
  }
  const place = openPlace(['far'], config, { commits: 20 })
  const connection = openDatabase(place.databasePath)
  connection.exec('CREATE TABLE filler (id INTEGER PRIMARY KEY, content BLOB NOT NULL)')
  const fill = (count: number, what: string): void => {
    const statement = connection.prepare('INSERT OR REPLACE INTO filler VALUES (?, ?)')
    connection.exec('BEGIN')
    for (let id = 1; id <= count; id++) {
      const content = createHash('shake256', { outputLength: ROW_BYTES }).update(`${what} ${id}`).digest()
      statement.run(id, content)
    }
    connection.exec('COMMIT')
  }
  fill(ROWS, 'old')
  const older = succeeded(await place.database().createBackup()).filename
  const [pack = ''] = packsAt(place)
  const names = [older]
  for (const count of form.changed ?? [360]) {
    fill(count, `new ${names.length}`)
    names.push(succeeded(await place.database().createBackup()).filename)
  }
  connection.close()
  const newer = names.at(-1) ?? ''
  const going = form.isOlderThere === true ? [] : names.slice(0, -1)
  for (const name of going)
    succeeded(await place.database().deleteBackup(name, { target: 'far', confirm: true }))
  const then = new Date(Date.now() - 2 * DAY_MS)
  for (const name of packsAt(place)) utimesSync(place.path('far', name), then, then)
  return { place, older, newer, pack, config }
}

export function packsAt(place: Place, where = 'far'): string[] {
  return place.files(where).filter(name => name.endsWith('.pack'))
}

/** What a cleanup of the target makes of the packs, on a machine whose clock is so many days ahead. */
export async function collected(
  { place, config }: Pick<HalfDead, 'place' | 'config'>,
  meanwhile: Meanwhile = {},
  { days = 0, signal = new AbortController().signal }: { days?: number; signal?: AbortSignal } = {},
): Promise<PacksCollected | null> {
  const now = (): Date => new Date(Date.now() + days * DAY_MS)
  const context = contextDuring(place, meanwhile, { config, now, signal })
  try {
    await using target = await context.openTarget('far')
    return await collectAtTarget(target, { isShortening: true }, context)
  } finally {
    context.sqlite.kill()
  }
}
