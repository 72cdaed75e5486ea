/** The tables of docs/reliability.md: what of an earlier run stays when a later one was not of all of it. */
import type { Figure } from '../test/faults/figures.ts'

/** Rows of one run, below the line that says which run that was. */
export interface FigureTable {
  readonly about: string
  readonly rows: readonly FigureRow[]
}

export interface FigureRow {
  /** What was attacked, unique in its group: a later run of it takes the place of an earlier one. */
  readonly what: string
  readonly figure: string
  readonly outcome: string
}

export function tableOf(about: string, figures: readonly Figure[]): FigureTable {
  const rows = figures.map(({ what, count, unit, outcome }) => ({
    what,
    figure: `${count.toLocaleString('en-US')} ${unit}`,
    outcome,
  }))
  return { about, rows }
}

/** The new table, and what was not run anew of the earlier ones, each below the run that it is of. */
export function mergeTables(earlier: readonly FigureTable[], latest: FigureTable): FigureTable[] {
  const anew = new Set(latest.rows.map(({ what }) => what))
  const kept = earlier.map(({ about, rows }) => ({ about, rows: rows.filter(({ what }) => !anew.has(what)) }))
  return [latest, ...kept.filter(({ rows }) => rows.length > 0)]
}

export function printTables(tables: readonly FigureTable[]): string {
  return tables
    .map(({ about, rows }) => {
      const lines = rows.map(({ what, figure, outcome }) => `| ${what} | ${figure} | ${outcome} |`)
      return [about, '', '| | | |', '| --- | --: | --- |', ...lines].join('\n')
    })
    .join('\n\n')
}

/** What {@link printTables} has printed, be it aligned since. */
export function parseTables(text: string): FigureTable[] {
  const tables: { readonly about: string; readonly rows: FigureRow[] }[] = []
  for (const line of text.split('\n').filter(Boolean)) {
    const [, what = '', figure = '', outcome = ''] = line.split('|').map(cell => cell.trim())
    if (!line.startsWith('|')) tables.push({ about: line, rows: [] })
    else if (what !== '' && !/^-+$/.test(what)) tables.at(-1)?.rows.push({ what, figure, outcome })
  }
  return tables
}
