/** Planning the redactions of a damaged database: a table whose redaction cannot be planned is not exported at all. */
import type { DatabaseSync } from 'node:sqlite'
import { BackupError } from '../errors.ts'
import type { LeftOut, SchemaObject } from '../export/model.ts'
import { foldName } from '../export/redact/parse-redaction.ts'
import { leaveOutDependents } from '../export/redact/plan.ts'
import type { SchemaDescription } from './describe-tables.ts'
import { redactExport } from './export-redaction.ts'
import type { RedactionAnswer, RedactionOrder } from './requests.ts'

export async function redactSalvageable(
  connection: DatabaseSync,
  schema: SchemaDescription,
  order: RedactionOrder,
): Promise<RedactionAnswer> {
  const plan = (tables: readonly string[]): Promise<RedactionAnswer> =>
    redactExport(connection, schema, { ...order, tables, objects: objectsOf(order.objects, tables, schema) })
  const { why } = await attempt(plan(order.tables))
  if (why === null) return await plan(order.tables)
  // What is wrong with the order itself is wrong without any table too.
  await plan([])
  const leftOut: LeftOut[] = []
  const kept: string[] = []
  for (const name of order.tables) {
    // Together with those that could be planned: a foreign key may tie it to one of them.
    const tried = await attempt(plan([...kept, name]))
    if (tried.why === null) kept.push(name)
    else
      leftOut.push({
        type: 'table',
        name,
        why: `it is damaged, and its redaction cannot be planned: ${tried.why}`,
      })
  }
  const gone = new Set(leftOut.map(({ name }) => foldName(name)))
  const answer = await plan(kept)
  const dependents = leaveOutDependents(answer.objects, [], gone)
  const names = new Set(dependents.map(({ type, name }) => `${type} ${name}`))
  return {
    ...answer,
    objects: answer.objects.filter(({ type, name }) => !names.has(`${type} ${name}`)),
    leftOut: [...leftOut, ...dependents, ...answer.leftOut],
  }
}

/** Why it did not work, as SQLite or the plan says. Damage that SQLite was asked about in a trial looks like a way that does not fit. */
async function attempt(planning: Promise<unknown>): Promise<{ why: string | null }> {
  try {
    await planning
    return { why: null }
  } catch (error) {
    const isForeseen = error instanceof BackupError || (error instanceof Error && 'errcode' in error)
    if (!isForeseen) throw error
    return { why: error.message }
  }
}

/** Tables that are left out take along what is on them. */
function objectsOf(
  objects: readonly SchemaObject[],
  tables: readonly string[],
  { tables: all }: SchemaDescription,
): SchemaObject[] {
  const kept = new Set(tables.map(foldName))
  const known = new Set(all.map(({ name }) => foldName(name)))
  return objects.filter(({ table, type }) => {
    const isOnTable = type !== 'view' && known.has(foldName(table))
    return !isOnTable || kept.has(foldName(table))
  })
}
