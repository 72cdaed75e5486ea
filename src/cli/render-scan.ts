import type { SensitiveScan } from '../index.ts'
import { outWidth, type Paint } from './output.ts'
import { type Column, renderTable } from './table.ts'
import { safeText } from './text.ts'
import { plural } from './units.ts'

type Finding = SensitiveScan['findings'][number]

export function renderScan({ findings, tables, columns }: SensitiveScan, paint: Paint): string {
  const looked = `${plural(columns, 'column')} of ${plural(tables, 'table')} looked at`
  if (findings.length === 0) return `Nothing looks sensitive; ${looked}.`
  const shown: readonly Column<Finding>[] = [
    { title: 'Column', value: nameOf },
    {
      title: 'Sure',
      value: ({ confidence }) => confidence,
      paint: (text, { confidence }) =>
        confidence === 'certain' ? paint('red', text) : paint('yellow', text),
    },
    { title: 'Found by', value: ({ by }) => by, drop: 1 },
    { title: 'Why', value: ({ why }) => safeText(why), shrinkTo: 20, wraps: true },
  ]
  const table = renderTable(shown, findings, {
    width: outWidth(),
    paintTitle: text => paint('bold', text),
  })
  const count = plural(findings.length, 'column looks sensitive', 'columns look sensitive')
  return `${table}\n\n${count}; ${looked}. An export has none of them as they are, unless --include-sensitive says so.`
}

/** For scripts: one column a line. */
export function renderNames({ findings }: SensitiveScan): string {
  return findings.map(nameOf).join('\n')
}

function nameOf({ table, column }: Finding): string {
  return safeText(`${table}.${column}`)
}
