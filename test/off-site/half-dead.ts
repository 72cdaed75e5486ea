/** A pack at a target of which little is left that a backup there needs. */
import { createHash } from 'node:crypto'
import { cpSync, mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll } from 'vitest'
import { metadataKey, PACK_MARKS_PREFIX } from '../../src/catalog/target-keys.ts'
import type { Config, PacksCollected, TargetSynced } from '../../src/index.ts'
import { collectAtTarget } from '../../src/operations/collect-at-target.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import { openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { succeeded } from '../support/product.ts'
import { contextDuring, type Meanwhile } from './meanwhile.ts'
import { local, namesAt, openPlace, type Place } from './place.ts'

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

/** As they were made, by what they were made from. Making them takes longer than all that is done with one. */
const made = new Map<string, Omit<HalfDead, 'place'> & { readonly directory: string }>()

afterAll(() => {
  for (const { directory } of made.values()) rmSync(directory, { recursive: true, force: true })
})

/** Makes backups of pages, and has them copied to the target `far`. All packs there are two days old. */
export async function openHalfDead(form: HalfDeadForm = {}): Promise<HalfDead> {
  const key = JSON.stringify(form)
  const known = made.get(key)
  if (known !== undefined) {
    const place = openPlace(['far'], known.config, null)
    cpSync(known.directory, place.path(), { recursive: true, preserveTimestamps: true })
    return { ...known, place }
  }
  const scene = await makeHalfDead(form)
  const directory = mkdtempSync(join(tmpdir(), 'chame-test-'))
  cpSync(scene.place.path(), directory, { recursive: true, preserveTimestamps: true })
  made.set(key, { ...scene, directory })
  return scene
}

async function makeHalfDead(form: HalfDeadForm): Promise<HalfDead> {
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

/** Keys of the packs at the target. */
export function packsAt(place: Place): string[] {
  return place.files('far').filter(name => name.endsWith('.pack'))
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

/** Every backup that the target lists restores; returns their names. */
export async function restoreAll(place: Place, identity?: string): Promise<string[]> {
  const names = await namesAt(place, 'far')
  for (const name of names) {
    const to = place.path('restored.db')
    rmSync(to, { force: true })
    const order = { target: 'far', to, ...(identity === undefined ? {} : { identity }) }
    succeeded(await place.database().restoreBackup(name, order))
    assertIntact(to)
  }
  return names
}

/** Keys of the marks of cleanups. */
export function marksAt(place: Place): string[] {
  return place.files('far').filter(name => name.startsWith(PACK_MARKS_PREFIX))
}

/** Lets the target forget the older backup, so that the next sync copies it again. */
export function forget({ place, older }: HalfDead): void {
  rmSync(place.path('far', `manual/${older}`))
  rmSync(place.path('far', metadataKey(older)))
}

/** What a sync makes of the target `far`. */
export async function sync({ place, config }: HalfDead, meanwhile: Meanwhile = {}): Promise<TargetSynced> {
  const context = contextDuring(place, meanwhile, { config })
  const { targets } = await syncTargets({}, context)
  context.sqlite.kill()
  const [target] = targets
  if (target === undefined) throw new Error('no target was synced')
  return target
}
