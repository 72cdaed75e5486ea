import type { DataExported } from '../index.ts'
import type { Paint } from './output.ts'
import { safeText } from './text.ts'
import { bytes, duration, number, plural } from './units.ts'

/** Of more names than this their number says as much. */
const NAMES_MAX = 12

const WAYS: Readonly<Record<DataExported['redacted'][number]['how'], string>> = {
  omit: 'left out',
  null: 'NULL instead',
  mask: 'masked',
  hash: 'hashed',
  fixed: 'a fixed value instead',
  fake: 'made-up values instead',
}

export function describeExported(exported: DataExported, paint: Paint): string {
  const { exportPath, files, rows, tables, sensitive, redacted, leftOut, lost, durationMs } = exported
  const place = exportPath === '-' ? 'to standard output' : safeText(exportPath)
  const facts = [
    plural(Object.keys(tables).length, 'table'),
    plural(rows, 'row'),
    ...(files.length > 1 ? [plural(files.length, 'file')] : []),
    bytes(exported.bytes),
    duration(durationMs),
  ]
  const byWay = Map.groupBy(redacted, ({ how }) => WAYS[how])
  const byReason = Map.groupBy(leftOut, ({ type, why }) => `${type}\n${why}`)
  return [
    `${paint('green', '✔ Exported:')} ${place}`,
    `  ${facts.join(', ')}`,
    ...(sensitive
      ? [`  ${paint('yellow', 'Note:')} passwords, tokens and the like are in it as they are.`]
      : []),
    ...[...byWay].map(
      ([way, columns]) =>
        `  redacted: ${namesOf(columns.map(({ table, column }) => `${table}.${column}`))} (${way})`,
    ),
    ...[...byReason.values()].map(describeLeftOut),
    ...lost.map(
      ({ table, what, why }) =>
        `  ${paint(['red', 'bold'], 'lost:')} ${safeText(table)}: ${safeText(what)} (${safeText(why)})`,
    ),
  ].join('\n')
}

function describeLeftOut(objects: DataExported['leftOut']): string {
  const [{ type, why } = { type: 'table', why: '' }] = objects
  const kind =
    objects.length === 1
      ? type
      : { table: 'tables', index: 'indexes', view: 'views', trigger: 'triggers' }[type]
  return `  left out: ${kind} ${namesOf(objects.map(({ name }) => name))} (${safeText(why)})`
}

function namesOf(names: readonly string[]): string {
  const rest = names.length - NAMES_MAX
  const shown = names.slice(0, NAMES_MAX).map(safeText).join(', ')
  return rest > 0 ? `${shown} and ${number(rest)} more` : shown
}
