/** Finds for columns that stand in CHECKs, or that generated columns read, the first ways that all rows pass. */
import type { DatabaseSync } from 'node:sqlite'
import { BackupError } from '../errors.ts'
import type { SchemaObject } from '../export/model.ts'
import type { FakeKind } from '../export/redact/fake-kinds.ts'
import { foldName } from '../export/redact/parse-redaction.ts'
import { namesByCheck, namesInColumn } from '../export/redact/sql-words.ts'
import type { SqliteValue } from '../export/redact/values.ts'
import type { RedactionStep } from '../export/redact/ways.ts'
import { expressionFor, type RedactionTools } from './redact-expression.ts'
import type { ColumnFacts, TableFacts } from './redact-facts.ts'
import { registerRedactions } from './redact-functions.ts'
import type { ScratchTable } from './redact-scratch.ts'
import type { Tie, WantedColumn } from './redact-wanted.ts'
import { quoteName } from './sql.ts'

/** Combinations of ways that are tried where several columns stand in CHECKs. */
const TRIES_MAX = 400

export interface TableWork {
  readonly connection: DatabaseSync
  readonly facts: TableFacts
  readonly object: SchemaObject
  readonly indexes: readonly SchemaObject[]
  readonly wanted: readonly WantedColumn[]
  readonly tools: RedactionTools
  readonly fakeKindOf: (column: WantedColumn) => FakeKind
  /** Whether a CHECK anywhere speaks of a column of the tie, so that the shape of its values may matter. */
  readonly isShaped: (tie: Tie) => boolean
  readonly nextFunctionName: () => string
}

/** A column that stays, with other values. */
export interface Column {
  readonly facts: ColumnFacts
  readonly wanted: WantedColumn
  readonly functionName: string
  /** Ways of keeping the column, in the order in which they are tried. */
  readonly steps: readonly RedactionStep[]
}

export interface Trial {
  readonly work: TableWork
  readonly sql: string
  readonly tried: readonly Column[]
  readonly chosen: Map<Column, RedactionStep>
  readonly gone: ReadonlySet<string>
  readonly generated: readonly string[]
}

/**
 * Adds to `chosen`. Columns that no CHECK joins are tried by themselves, the others meanwhile as they are.
 * Errors: INVALID_ARGUMENT when no way fits.
 */
export function tryOut(scratch: ScratchTable, trial: Trial): void {
  const { work, sql, tried, chosen, gone, generated } = trial
  const stored = work.facts.columns.filter(
    ({ name, isGenerated }) => !isGenerated && !gone.has(foldName(name)),
  )
  const columns = stored.map(({ name }) => name)
  for (const group of groupsOf(tried, sql, generated)) {
    const steps = firstThat(
      group,
      attempt =>
        keepsValuesApart(work, group, attempt) &&
        scratch.accepts({ columns, generated }, redactedRows(work, columns, attempt)),
    )
    if (steps === null) throw noWay(work, group)
    for (const [column, step] of steps) chosen.set(column, step)
  }
}

/** Columns that a CHECK or a generated column mentions together, at first or second hand. */
function groupsOf(tried: readonly Column[], sql: string, generated: readonly string[]): Column[][] {
  const joints = [
    ...namesByCheck(sql),
    ...generated.map(name => namesInColumn(sql, name).add(foldName(name))),
  ]
  const groups: { readonly names: Set<string>; readonly columns: Column[] }[] = []
  for (const joint of joints) {
    const touching = groups.filter(({ names }) => mentionsAny(names, joint))
    const names = new Set([...joint, ...touching.flatMap(group => [...group.names])])
    for (const group of touching) groups.splice(groups.indexOf(group), 1)
    groups.push({ names, columns: tried.filter(({ facts }) => names.has(foldName(facts.name))) })
  }
  return groups.map(({ columns }) => columns).filter(columns => columns.length > 0)
}

function firstThat(
  columns: readonly Column[],
  passes: (attempt: ReadonlyMap<Column, RedactionStep>) => boolean,
): ReadonlyMap<Column, RedactionStep> | null {
  let tries = 0
  for (const steps of combinations(columns.map(column => column.steps))) {
    if (++tries > TRIES_MAX) return null
    const attempt = new Map(columns.map((column, index) => [column, steps[index] ?? firstStep(column)]))
    if (passes(attempt)) return attempt
  }
  return null
}

function* redactedRows(
  { connection, facts, tools }: TableWork,
  names: readonly string[],
  chosen: ReadonlyMap<Column, RedactionStep>,
): Generator<SqliteValue[]> {
  const made = new Map(
    [...chosen].map(([column, step]) => [column.facts.name, expressionOf(column, step, tools)]),
  )
  registerRedactions(
    connection,
    [...made.values()].flatMap(({ function: called }) => called ?? []),
  )
  const list = names.map(name => made.get(name)?.expression ?? quoteName(name)).join(', ')
  const statement = connection.prepare(`SELECT ${list} FROM ${quoteName(facts.name)}`)
  statement.setReadBigInts(true)
  statement.setReturnArrays(true)
  for (const row of statement.iterate()) yield row as unknown as SqliteValue[]
}

/** A hash in the shape of short values may make two of them one. */
export function keepsValuesApart(
  { connection, facts, tools }: TableWork,
  tried: readonly Column[],
  chosen: ReadonlyMap<Column, RedactionStep>,
): boolean {
  return tried.every(column => {
    const step = chosen.get(column)
    const mustDiffer = column.facts.isUnique || column.facts.pk > 0
    if (step?.how !== 'hash' || !step.isShaped || !mustDiffer) return true
    const made = expressionOf(column, step, tools)
    if (made.function !== null) registerRedactions(connection, [made.function])
    const name = quoteName(column.facts.name)
    const counts = connection
      .prepare(
        `SELECT count(DISTINCT ${name}) AS before, count(DISTINCT lower(${made.expression})) AS after FROM ${quoteName(facts.name)}`,
      )
      .get()
    return counts?.['before'] === counts?.['after']
  })
}

/** All combinations; those that are nearest to everybody's first choice come first. */
function* combinations(choices: readonly (readonly RedactionStep[])[]): Generator<RedactionStep[]> {
  const furthest = choices.reduce((sum, steps) => sum + steps.length - 1, 0)
  for (let distance = 0; distance <= furthest; distance++) yield* combinationsAt(choices, distance)
}

function* combinationsAt(
  choices: readonly (readonly RedactionStep[])[],
  distance: number,
): Generator<RedactionStep[]> {
  const [first, ...rest] = choices
  if (first === undefined) {
    if (distance === 0) yield []
    return
  }
  for (const [index, step] of first.slice(0, distance + 1).entries())
    for (const others of combinationsAt(rest, distance - index)) yield [step, ...others]
}

export function expressionOf(
  column: Column,
  step: RedactionStep,
  tools: RedactionTools,
): ReturnType<typeof expressionFor> {
  const { facts, functionName, wanted } = column
  return expressionFor(step, { name: facts.name, functionName, tie: wanted.tie }, tools)
}

export function firstStep({ steps }: Column): RedactionStep {
  return steps[0] ?? { how: 'hash', isShaped: false }
}

export function mentionsAny(names: ReadonlySet<string>, wanted: ReadonlySet<string>): boolean {
  return [...wanted].some(name => names.has(name))
}

export function noWay({ facts }: TableWork, tried: readonly Column[]): BackupError {
  const names = tried.map(({ facts: { name } }) => `${facts.name}.${name}`).join(', ')
  return new BackupError(
    'INVALID_ARGUMENT',
    `No way of redacting ${names} passes the constraints of its table`,
    {
      hint: `Leave the table out (--exclude ${facts.name}), or export everything with --include-sensitive.`,
    },
  )
}
