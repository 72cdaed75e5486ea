import type { Cell, MaskedColumn } from '../index.ts'
import { outWidth, type Paint } from './output.ts'
import { type Column, renderTable } from './table.ts'
import { safeText } from './text.ts'
import { bytes } from './units.ts'

/** Narrower than this a cell says nothing. */
const WIDTH_MIN = 8
/** Of a text in a table; the whole of it is in --json. */
const TEXT_MAX = 200

/** Rows of a database as a table. */
export function renderRows(
  columns: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
): string {
  const shown = columns.map((name, index): Column<readonly Cell[]> => ({
    title: safeText(name),
    value: row => cellText(row[index] ?? null),
    align: rows.every(row => isNumber(row[index] ?? null)) ? 'right' : 'left',
    shrinkTo: WIDTH_MIN,
    paint: (text, row) => (isSpecial(row[index] ?? null) ? paint('dim', text) : text),
  }))
  return renderTable(shown, rows, { width: outWidth(), paintTitle: text => paint('bold', text) })
}

/** A value on one line, as SQL would have it where that is not a text or a number. */
export function cellText(cell: Cell): string {
  if (cell === null) return 'NULL'
  if (typeof cell !== 'object') return shortened(String(cell))
  if ('$integer' in cell) return cell.$integer
  if ('$real' in cell) return cell.$real
  if ('$masked' in cell) return '•••'
  if ('$blob' in cell) return `blob, ${bytes(cell.bytes)}`
  return cell.base64 === true
    ? `text that is not valid, ${bytes(cell.bytes)}`
    : `${shortened(cell.$text)} (${bytes(cell.bytes)})`
}

function shortened(text: string): string {
  return safeText(text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX).toWellFormed()}…` : text)
}

function isNumber(cell: Cell): boolean {
  if (typeof cell === 'object') return cell === null || '$integer' in cell || '$real' in cell
  return typeof cell === 'number'
}

function isSpecial(cell: Cell): boolean {
  return typeof cell === 'object' && (cell === null || '$masked' in cell || '$blob' in cell)
}

/** What is not shown, and how to see it; nothing where all is shown. */
export function describeMasked(masked: readonly MaskedColumn[], paint: Paint): readonly string[] {
  if (masked.length === 0) return []
  const names = masked.map(({ table, column }) => safeText(`${table}.${column}`)).join(', ')
  return [paint('dim', `Not shown, because sensitive: ${names}. See them with --include-sensitive.`)]
}
