/** Decides for one table what is done with its redacted columns, so that its constraints still hold. */
import { foldName } from '../export/redact/parse-redaction.ts'
import type { ColumnRedaction, RedactionFunction } from '../export/redact/plan.ts'
import { namesInChecks, namesInColumn, namesInSql } from '../export/redact/sql-words.ts'
import { type RedactionStep, stepsFor } from '../export/redact/ways.ts'
import type { TableFacts } from './redact-facts.ts'
import { openScratch, type ScratchTable } from './redact-scratch.ts'
import {
  type Column,
  expressionOf,
  firstStep,
  keepsValuesApart,
  mentionsAny,
  noWay,
  type TableWork,
  tryOut,
} from './redact-trial.ts'
import type { Tie, WantedColumn } from './redact-wanted.ts'

export interface TableRedaction {
  readonly sql: string
  readonly columns: ReadonlyMap<string, ColumnRedaction>
  readonly functions: readonly RedactionFunction[]
}

/**
 * Drops what can be dropped, and finds for every other column the first way that the table's constraints allow.
 * Where a CHECK or a generated column depends on the value, all rows are tried. Errors: INVALID_ARGUMENT when
 * no way fits.
 */
export function redactTable(work: TableWork): TableRedaction {
  const { facts, object, wanted } = work
  using scratch = openScratch(object, work.indexes)
  const gone = scratch === null ? new Set<string>() : dropColumns(scratch, work)
  const sql = scratch === null ? object.sql : gone.size === 0 ? object.sql : scratch.sql
  const kept = wanted.filter(({ column, isGenerated }) => !gone.has(foldName(column)) && !isGenerated)
  const columns = kept.map(column => toColumn(column, work))
  const names = new Set(columns.map(({ facts: { name } }) => foldName(name)))
  const generated = facts.columns.filter(
    ({ name, isGenerated }) =>
      isGenerated && !gone.has(foldName(name)) && mentionsAny(namesInColumn(sql, name), names),
  )
  const checked = namesInChecks(sql)
  const tried = columns.filter(
    ({ facts: { name } }) =>
      checked.has(foldName(name)) ||
      generated.some(
        other => checked.has(foldName(other.name)) || namesInColumn(sql, other.name).has(foldName(name)),
      ),
  )
  const untried = columns.filter(column => !tried.includes(column))
  const chosen = new Map(untried.map(column => [column, firstStep(column)]))
  if (scratch === null || tried.length === 0)
    for (const column of tried) chosen.set(column, firstStep(column))
  else tryOut(scratch, { work, sql, tried, chosen, gone, generated: generated.map(({ name }) => name) })
  if (!keepsValuesApart(work, columns, chosen)) throw noWay(work, columns)
  return collect({ work, sql, chosen, gone })
}

/** Folded names of the columns that were dropped, those asked for and the generated ones that rest on them. */
function dropColumns(scratch: ScratchTable, { facts, wanted, indexes }: TableWork): Set<string> {
  const gone = new Set<string>()
  const omitted = wanted.filter(({ how, tie }) => how === 'omit' && tie === null)
  const inOrder = [
    ...omitted.filter(({ isGenerated }) => isGenerated),
    ...omitted.filter(({ isGenerated }) => !isGenerated),
  ]
  for (const { column } of inOrder) {
    if (gone.has(foldName(column))) continue
    const dependents = [...dependentsOf(column, facts, scratch.sql, gone)]
    const names = new Set([...dependents, column].map(foldName))
    const usedBy = indexes.filter(({ sql }) => mentionsAny(namesInSql(sql), names)).map(({ name }) => name)
    if (scratch.tryDrop([...dependents, column], usedBy)) for (const name of names) gone.add(name)
  }
  return gone
}

/** Generated columns that a column's values go into, the last computed first. */
function dependentsOf(
  column: string,
  facts: TableFacts,
  sql: string,
  gone: ReadonlySet<string>,
): Set<string> {
  const found = new Set<string>()
  const visit = (name: string): void => {
    for (const other of facts.columns) {
      if (
        !other.isGenerated ||
        other.name === name ||
        found.has(other.name) ||
        gone.has(foldName(other.name))
      )
        continue
      if (!namesInColumn(sql, other.name).has(foldName(name))) continue
      visit(other.name)
      found.add(other.name)
    }
  }
  visit(column)
  return found
}

function toColumn(wanted: WantedColumn, work: TableWork): Column {
  const facts = work.facts.columns.find(({ name }) => name === wanted.column)
  if (facts === undefined) throw new Error('A column to redact is not in its table')
  const { notNull, pk, isUnique } = facts
  const { tie } = wanted
  const constraints = { notNull, pk: pk > 0, unique: isUnique, tied: tie !== null }
  const steps = stepsFor(wanted.how, constraints, work.fakeKindOf(wanted)).filter(({ how }) => how !== 'omit')
  return {
    facts,
    wanted,
    functionName: work.nextFunctionName(),
    steps: tie === null ? steps : [tiedStep(steps, tie, work)],
  }
}

/** All of a tie take the same step, so that none may choose by its own constraints. */
function tiedStep(steps: readonly RedactionStep[], tie: Tie, { isShaped }: TableWork): RedactionStep {
  const [first = { how: 'hash', isShaped: false } as const] = steps
  return first.how === 'hash' ? { how: 'hash', isShaped: isShaped(tie) } : first
}

function collect({
  work,
  sql,
  chosen,
  gone,
}: {
  readonly work: TableWork
  readonly sql: string
  readonly chosen: ReadonlyMap<Column, RedactionStep>
  readonly gone: ReadonlySet<string>
}): TableRedaction {
  const columns = new Map<string, ColumnRedaction>()
  const functions: RedactionFunction[] = []
  const steps = new Map([...chosen].map(([column, step]) => [foldName(column.facts.name), { column, step }]))
  for (const { name, isGenerated } of work.facts.columns) {
    const wanted = work.wanted.find(({ column }) => column === name)
    const found = steps.get(foldName(name))
    if (gone.has(foldName(name))) columns.set(name, { how: 'omit', expression: null })
    else if (found !== undefined) {
      const made = expressionOf(found.column, found.step, work.tools)
      columns.set(name, { how: found.step.how, expression: made.expression })
      if (made.function !== null) functions.push(made.function)
    } else if (wanted !== undefined && isGenerated) {
      // Computed anew from columns that are redacted themselves.
      const source = [...chosen].find(([column]) => namesInColumn(sql, name).has(foldName(column.facts.name)))
      columns.set(name, { how: source?.[1].how ?? 'hash', expression: null })
    }
  }
  return { sql, columns, functions }
}
