/** Backups of pages beside restic: the first one, the next ones, and restoring. Each has a repository of its own. */
import { readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as sleep } from 'node:timers/promises'
import type { BenchContext } from '../bench-context.ts'
import { run } from '../command.ts'
import { must, startEngine } from '../contenders.ts'
import { copyDatabase } from '../make-database.ts'
import { type Contender, measure, type MeasureOptions, median } from '../measure.ts'
import { atLeast, atMost, type Goal, type Group } from '../table.ts'
import { type Reached, withRatios } from './create.ts'

const OURS = 'chame-backup, blocks'
/** As restic does: what was checked before is not checked again. */
const OURS_UNCHECKED = 'chame-backup, blocks, check none'
const RESTIC = 'restic'
/** What a restore of ours does besides: what was written is held against the repository, and SQLite checks it. */
const RESTIC_CHECKED = 'restic restore --verify, then quick_check'
/** The same SQLite as ours: the system's may be one that does not look into an FTS5 index. */
const QUICK_CHECK = `new (require('node:sqlite').DatabaseSync)(process.argv[1]).prepare('PRAGMA quick_check').all()`
const RESTORE = 'blocks-restore'
const WHAT_BACKUPS_CHECK = 'Neither checks the database; chame-backup also makes a SHA-256 of it.'
const WHAT_RESTORES_CHECK =
  'chame-backup holds the image against its SHA-256, and SQLite checks it unless the row says so; restic does neither, unless the row says so.'
/** One row in so many is changed, at random. */
const CHANGED_ONE_IN = 1000
/** Longer than the files' times take to settle: see docs/formats.md. */
const SETTLE_MS = 3_500

type Goals = (reached: Reached) => readonly Goal[]

/** Bytes that a backup has added; NaN for one that was not made. */
interface Added {
  readonly ours: number
  readonly restic: number
}

/** What a backup may add, by the id of its group. */
const ADDED_GOALS: Readonly<Record<string, (added: Added) => readonly Goal[]>> = {
  'blocks-next': ({ ours, restic }) =>
    Number.isNaN(restic) ? [] : [atMost(0.2, ours / restic, ` the bytes that ${RESTIC} adds`)],
  'blocks-touched': ({ ours }) => [atMost(100, ours / 1000, '', 'kB')],
}

/** One database, the repositories of both, and what each took on disk. */
class Rivals {
  readonly database: string
  readonly #context: BenchContext
  readonly #added = new Map<string, number[]>()

  constructor(database: string, context: BenchContext) {
    this.database = database
    this.#context = context
  }

  get env(): Record<string, string> {
    return {
      RESTIC_REPOSITORY: this.directoryOf(RESTIC),
      RESTIC_PASSWORD: 'bench',
      RESTIC_CACHE_DIR: this.#context.path('blocks-restic-cache'),
    }
  }

  directoryOf(name: string): string {
    return this.#context.path(name === OURS ? 'blocks-ours' : 'blocks-restic')
  }

  ours(): InstanceType<BenchContext['product']['Database']> {
    const { Database } = this.#context.product
    return new Database({ path: this.database, backupDir: this.directoryOf(OURS) })
  }

  /** Both, each with what is done before its turn. What they add is noted. */
  contenders(before: (name: string) => unknown, after: (name: string) => unknown = () => {}): Contender[] {
    const create = async (): Promise<unknown> =>
      must(await this.ours().createBackup({ encoding: 'blocks', check: 'none' }))
    const backup = (): Promise<unknown> =>
      run('restic', ['backup', '--quiet', this.database], { env: this.env })
    return [
      this.#contender(OURS, create, before, after),
      ...(this.#context.hasRestic ? [this.#contender(RESTIC, backup, before, after)] : []),
    ]
  }

  #contender(
    name: string,
    act: () => Promise<unknown>,
    before: (name: string) => unknown,
    after: (name: string) => unknown,
  ): Contender {
    let size = 0
    return {
      name,
      before: async () => {
        await before(name)
        size = sizeOf(this.directoryOf(name))
      },
      run: act,
      after: async () => {
        const added = this.#added.get(name) ?? []
        this.#added.set(name, [...added, sizeOf(this.directoryOf(name)) - size])
        await after(name)
      },
    }
  }

  /** Median of the bytes that a contender has added since the last call. */
  takeAdded(name: string): number {
    const added = this.#added.get(name) ?? []
    this.#added.delete(name)
    return median(added)
  }

  async initRestic(): Promise<void> {
    await run('restic', ['init'], { env: this.env })
  }
}

export async function blocks(source: string, context: BenchContext): Promise<Group[]> {
  const database = context.path('blocks.db')
  copyDatabase(source, database)
  await startEngine(database, context)
  const rivals = new Rivals(database, context)
  const groups: Group[] = []
  const add = async (
    id: string,
    title: string,
    contenders: readonly Contender[],
    goals: Goals,
    options: Partial<MeasureOptions> = {},
  ): Promise<void> => {
    context.say(`   ${id}`)
    const { runs, sizeBytes } = context.options
    const results = await measure(
      contenders,
      { sizeBytes, runs, warm: options.warm ?? [database], ...options },
      context,
    )
    const rows = withRatios(results, RESTIC, { [OURS]: goals, [OURS_UNCHECKED]: goals })
    groups.push(
      groupOf({ id, title, rows }, id === RESTORE ? WHAT_RESTORES_CHECK : WHAT_BACKUPS_CHECK, rivals),
    )
  }
  const asFastAsRestic: Goals = ({ ratioTo }) =>
    context.hasRestic ? [atMost(1, ratioTo(RESTIC), ` ${RESTIC}`)] : []

  const start = async (name: string): Promise<void> => {
    context.remove(rivals.directoryOf(name))
    if (name === RESTIC) await rivals.initRestic()
  }
  await add('blocks-first', 'First backup', rivals.contenders(start), asFastAsRestic)
  await add(
    'blocks-next',
    'Next backup, one row in a thousand changed at random',
    // Ours is first in each turn; restic is given the same change.
    rivals.contenders(name => (name === OURS ? changeRows(database) : undefined)),
    ({ ratioTo }) => (context.hasRestic ? [atLeast(2, 1 / ratioTo(RESTIC), `faster than ${RESTIC}`)] : []),
  )
  await add(
    'blocks-touched',
    'Nothing changed, but the file was touched',
    rivals.contenders(() => utimesSync(database, new Date(), new Date())),
    ({ medianMs }) => [atMost(1000, medianMs, '', 'ms')],
  )
  await sleep(SETTLE_MS)
  must(await rivals.ours().createBackup({ encoding: 'blocks', check: 'none' }))
  await add(
    'blocks-untouched',
    'Nobody touched the file',
    rivals.contenders(() => {}),
    ({ medianMs }) => [atMost(100, medianMs, '', 'ms')],
  )
  must(await rivals.ours().createBackup({ encoding: 'blocks', check: 'quick' }))
  await add(RESTORE, 'Restore', restorers(rivals, context), asFastAsRestic, { warm: [] })
  for (const name of [OURS, RESTIC]) context.remove(rivals.directoryOf(name))
  context.remove(database)
  return groups
}

function restorers(rivals: Rivals, context: BenchContext): Contender[] {
  const target = context.path('blocks-restored')
  const clear = (): void => context.remove(target)
  const ours: Contender = {
    name: OURS,
    run: async () => must(await rivals.ours().restoreBackup('latest', { to: target })),
    after: clear,
  }
  const unchecked: Contender = {
    name: OURS_UNCHECKED,
    run: async () => must(await rivals.ours().restoreBackup('latest', { to: target, check: 'none' })),
    after: clear,
  }
  const restore = (...options: string[]): Promise<unknown> =>
    run('restic', ['restore', 'latest', '--quiet', ...options, '--target', target], { env: rivals.env })
  const restic: Contender = {
    name: RESTIC,
    run: async () => {
      await restore()
      await run('sync', [])
    },
    after: clear,
  }
  const checked: Contender = {
    name: RESTIC_CHECKED,
    run: async () => {
      await restore('--verify')
      await run(process.execPath, ['--no-warnings', '-e', QUICK_CHECK, join(target, rivals.database)])
      await run('sync', [])
    },
    after: clear,
  }
  return context.hasRestic ? [ours, unchecked, restic, checked] : [ours, unchecked]
}

function groupOf(group: Pick<Group, 'id' | 'title' | 'rows'>, note: string, rivals: Rivals): Group {
  const added = group.rows.map(({ name }) => ({ name, bytes: rivals.takeAdded(name) }))
  const sizes = added.filter(({ bytes }) => Number.isFinite(bytes))
  const bytesOf = (wanted: string): number => added.find(({ name }) => name === wanted)?.bytes ?? Number.NaN
  const goals = ADDED_GOALS[group.id]?.({ ours: bytesOf(OURS), restic: bytesOf(RESTIC) }) ?? []
  return {
    ...group,
    rows: group.rows.map(row =>
      row.name === OURS ? { ...row, goals: [...(row.goals ?? []), ...goals] } : row,
    ),
    unit: 'ms',
    baseline: group.rows.some(({ name }) => name === RESTIC) ? RESTIC : null,
    notes: [note, ...sizes.map(({ name, bytes }) => `${name} added ${Math.round(bytes / 1000)} kB.`)],
  }
}

function changeRows(database: string): void {
  const connection = new DatabaseSync(database)
  connection.exec('PRAGMA synchronous = OFF')
  const rows = Number(connection.prepare('SELECT count(*) AS rows FROM messages').get()?.['rows'])
  const change = connection.prepare(
    'UPDATE messages SET sent_at = sent_at + 1 WHERE id IN (SELECT id FROM messages ORDER BY random() LIMIT ?)',
  )
  change.run(Math.ceil(rows / CHANGED_ONE_IN))
  connection.close()
}

function sizeOf(directory: string): number {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter(entry => entry.isFile())
      .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
  } catch {
    return 0
  }
}
