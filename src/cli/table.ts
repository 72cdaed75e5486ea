import { cutText, padText, textWidth, wrapText } from './text.ts'

export interface Column<Row> {
  readonly title: string
  /** One line, already safe to show. */
  readonly value: (row: Row) => string
  readonly align?: 'left' | 'right'
  /** Colours a finished cell; widths are already right. */
  readonly paint?: (text: string, row: Row) => string
  /** May be cut to this many columns where the terminal is narrow. */
  readonly shrinkTo?: number
  /** Where it is narrower than its text, that goes on below; otherwise it is cut. */
  readonly wraps?: true
  /** May be left out: when every cell is empty, and on a narrow terminal, the highest first. */
  readonly drop?: number
}

export interface TableOptions {
  /** Columns of the terminal; `Infinity` where nothing may be cut, such as in a pipe. */
  readonly width: number
  readonly paintTitle?: (text: string) => string
}

const GAP = '  '

/** Lays rows out in as many columns as fit, else one block a row; every line is at most `width` wide where it can be. */
export function renderTable<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: TableOptions,
): string {
  const filled = columns.filter(
    column => column.drop === undefined || rows.some(row => column.value(row) !== ''),
  )
  const layout = fitColumns(filled, rows, options.width)
  if (layout === null) return renderBlocks(filled, rows, options.width)
  const paintTitle = options.paintTitle ?? (text => text)
  const title = layout.map(({ column, width }) => paintTitle(padText(column.title, width, column.align)))
  const lines = rows.flatMap(row => {
    const cells = layout.map(({ column, width }) =>
      column.wraps ? wrapText(column.value(row), width) : [cutText(column.value(row), width)],
    )
    const height = Math.max(...cells.map(({ length }) => length))
    return Array.from({ length: height }, (_, line) =>
      layout.map(({ column, width }, index) => {
        const cell = padText(cells[index]?.[line] ?? '', width, column.align)
        return column.paint?.(cell, row) ?? cell
      }),
    )
  })
  return [title, ...lines].map(cells => cells.join(GAP).trimEnd()).join('\n')
}

interface FittedColumn<Row> {
  readonly column: Column<Row>
  readonly width: number
}

function fitColumns<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  width: number,
): FittedColumn<Row>[] | null {
  const natural = columns.map(column => ({
    column,
    width: rows.reduce(
      (widest, row) => Math.max(widest, textWidth(column.value(row))),
      textWidth(column.title),
    ),
  }))
  const gaps = GAP.length * (columns.length - 1)
  let over = natural.reduce((sum, fitted) => sum + fitted.width, gaps) - width
  // Those first that lose nothing by it.
  for (const fitted of natural.toSorted(
    (a, b) => Number(b.column.wraps ?? false) - Number(a.column.wraps ?? false),
  )) {
    const { column, width: wanted } = fitted
    const give = Math.min(
      Math.max(0, over),
      Math.max(0, wanted - Math.max(column.shrinkTo ?? wanted, textWidth(column.title))),
    )
    over -= give
    fitted.width -= give
  }
  if (over <= 0) return natural
  const dropped = columns
    .filter(column => column.drop !== undefined)
    .toSorted((a, b) => (b.drop ?? 0) - (a.drop ?? 0))[0]
  if (dropped === undefined) return null
  return fitColumns(
    columns.filter(column => column !== dropped),
    rows,
    width,
  )
}

/** Which says nothing without its title. */
const BARE_NUMBER = /^[\d,]+$/

/** For a terminal too narrow for any table: the first column as a heading, the others below it. */
function renderBlocks<Row>(columns: readonly Column<Row>[], rows: readonly Row[], width: number): string {
  const [heading, ...others] = columns
  return rows
    .map(row => {
      const facts = others
        .map(column => ({ title: column.title, text: column.value(row) }))
        .filter(({ text }) => text !== '')
        .map(({ title, text }) => (BARE_NUMBER.test(text) ? `${title}: ${text}` : text))
      return [heading?.value(row) ?? '', ...fillLines(facts, width)].join('\n')
    })
    .join('\n')
}

/** As many facts on each indented line as fit. */
function fillLines(facts: readonly string[], width: number): string[] {
  const lines: string[] = []
  for (const fact of facts) {
    const last = lines.at(-1)
    const longer = `${last}${GAP}${fact}`
    if (last !== undefined && textWidth(longer) <= width) lines[lines.length - 1] = longer
    else lines.push(GAP + fact)
  }
  return lines
}
