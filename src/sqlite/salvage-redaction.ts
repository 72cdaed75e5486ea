/** Planning the redactions of a damaged database: what cannot be planned, or cannot be judged any more, is not exported. */
import type { DatabaseSync } from 'node:sqlite'
import { BackupError } from '../errors.ts'
import type { LeftOut, SchemaObject } from '../export/model.ts'
import { foldName } from '../export/redact/parse-redaction.ts'
import { keyOf, leaveOutDependents } from '../export/redact/plan.ts'
import type { SchemaDescription } from './describe-tables.ts'
import { redactExport } from './export-redaction.ts'
import type { RedactionAnswer, RedactionOrder } from './requests.ts'
import { doubtfulParts } from './salvage-doubts.ts'
import { withoutQuotes } from './salvage-order.ts'

/** @param isWhole whether nothing of the schema is lost */
export async function redactSalvageable(
  connection: DatabaseSync,
  schema: SchemaDescription,
  order: RedactionOrder,
  { isWhole }: { readonly isWhole: boolean },
): Promise<RedactionAnswer> {
  const doubtful = isWhole || order.includeSensitive ? [] : doubtfulParts(schema, order)
  const sound = withoutParts(order, doubtful)
  const plan = (tables: readonly string[]): Promise<RedactionAnswer> =>
    redactExport(connection, schema, { ...sound, tables, objects: objectsOf(sound.objects, tables, schema) })
  const unplanned = await findUnplanned(sound.tables, plan)
  const leftOut = [...doubtful, ...unplanned]
  const answer = await plan(withoutParts(sound, unplanned).tables)
  const gone = new Set(leftOut.filter(({ type }) => type !== 'trigger').map(({ name }) => foldName(name)))
  const dependents = leaveOutDependents(answer.objects, [], gone)
  return {
    ...answer,
    objects: withoutParts({ ...sound, objects: answer.objects }, dependents).objects,
    leftOut: [...leftOut, ...dependents, ...answer.leftOut],
  }
}

/** The tables with which there is no plan, each tried together with those that could be planned: a foreign key may tie it to one of them. */
async function findUnplanned(
  tables: readonly string[],
  plan: (tables: readonly string[]) => Promise<RedactionAnswer>,
): Promise<LeftOut[]> {
  const { why } = await attempt(plan(tables))
  if (why === null) return []
  // What is wrong with the order itself is wrong without any table too.
  await plan([])
  const leftOut: LeftOut[] = []
  const kept: string[] = []
  for (const name of tables) {
    const tried = await attempt(plan([...kept, name]))
    if (tried.why === null) kept.push(name)
    else
      leftOut.push({
        type: 'table',
        name,
        why: `it is damaged, and its redaction cannot be planned: ${tried.why}`,
      })
  }
  return leftOut
}

/** Why it did not work, as SQLite or the plan says. Damage that SQLite was asked about in a trial looks like a way that does not fit. */
async function attempt(planning: Promise<unknown>): Promise<{ why: string | null }> {
  try {
    await planning
    return { why: null }
  } catch (error) {
    if (error instanceof BackupError) return { why: error.message }
    if (error instanceof Error && 'errcode' in error) return { why: withoutQuotes(error.message) }
    throw error
  }
}

function withoutParts(order: RedactionOrder, parts: readonly LeftOut[]): RedactionOrder {
  const gone = new Set(parts.map(keyOf))
  return {
    ...order,
    tables: order.tables.filter(name => !gone.has(keyOf({ type: 'table', name }))),
    objects: order.objects.filter(object => !gone.has(keyOf(object))),
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
