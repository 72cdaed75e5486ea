/** A database with a thousand restore points beside one with ten: listing them, and making one more. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { BenchContext } from '../bench-context.ts'
import { run } from '../command.ts'
import { must } from '../contenders.ts'
import { makeDatabase } from '../make-database.ts'
import { type Contender, measure, median, type Samples } from '../measure.ts'
import { atMost, type Goal, type Group, type Row } from '../table.ts'

const MANY = 1_000
/** To see that it works. */
const MANY_QUICK = 100
const FEW = 10
const LIST_MS_MAX = 200
/** Equal, but for what one measurement differs from the next. */
const AS_FAST_AS = 1.1
/** Each makes one more, so there must be many more than runs. */
const RUNS_FACTOR = 2

/** A database in a directory of its own, and its restore points. */
interface Kept {
  readonly directory: string
  readonly path: string
  readonly database: InstanceType<BenchContext['product']['Database']>
}

export async function restorePoints(context: BenchContext): Promise<Group> {
  const many = context.options.isQuick ? MANY_QUICK : MANY
  const few = await keep(FEW - 1, context)
  const kept = await keep(many, context)
  const createFew = `creating the ${FEW}th`
  const createMany = `creating one more than ${many}`
  const list = `listBackups() of ${many}`
  const listByCli = `chame-backup list of ${many}, start to finish`
  const contenders: Contender[] = [
    creating(createFew, few),
    creating(createMany, kept),
    { name: list, run: () => kept.database.listBackups() },
    ...cli(listByCli, kept, context),
  ]
  const results = await measure(
    contenders,
    { sizeBytes: 0, runs: context.options.runs * RUNS_FACTOR },
    context,
  )
  for (const { directory } of [few, kept]) context.remove(directory)
  const medianOf = (wanted: string): number =>
    median(results.find(({ name }) => name === wanted)?.samples ?? [])
  const listed = (name: string): readonly Goal[] => [atMost(LIST_MS_MAX, medianOf(name), '', 'ms')]
  const goals: Readonly<Record<string, readonly Goal[]>> = {
    [createMany]: [atMost(AS_FAST_AS, medianOf(createMany) / medianOf(createFew), ` the ${FEW}th`)],
    [list]: listed(list),
    [listByCli]: listed(listByCli),
  }
  return {
    id: 'restore-points',
    title: `One database of 1 MB with ${many} backups of pages`,
    unit: 'ms',
    baseline: null,
    rows: results.map(result => withGoals(result, goals[result.name])),
    notes: ['A row is changed before each backup. The list on the command line goes nowhere.'],
  }
}

function withGoals({ name, samples }: Samples, goals: readonly Goal[] = []): Row {
  return { name, samples, goals }
}

async function keep(count: number, context: BenchContext): Promise<Kept> {
  const directory = context.path(`restore-points-${count}`)
  mkdirSync(directory)
  const path = join(directory, 'shop.db')
  makeDatabase(path, 1 << 20, context)
  const backupDir = join(directory, 'backups')
  const kept = { directory, path, database: new context.product.Database({ path, backupDir }) }
  context.say(`    ${count} backups …`)
  for (let made = 0; made < count; made++) await createNext(kept)
  return kept
}

function creating(name: string, kept: Kept): Contender {
  return { name, before: () => change(kept.path), run: () => create(kept) }
}

async function createNext(kept: Kept): Promise<void> {
  change(kept.path)
  await create(kept)
}

async function create({ database }: Kept): Promise<void> {
  must(await database.createBackup({ encoding: 'blocks' }))
}

function change(path: string): void {
  const connection = new DatabaseSync(path)
  connection.exec('UPDATE messages SET sent_at = sent_at + 1 WHERE id = 1')
  connection.close()
}

function cli(name: string, { directory, path }: Kept, { cli: program }: BenchContext): Contender[] {
  if (program === null) return []
  return [{ name, run: () => run(process.execPath, [program, 'list', '--path', path], { cwd: directory }) }]
}
