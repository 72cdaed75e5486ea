/** The results, as a table for a terminal and one in Markdown. */
import { styleText } from 'node:util'
import { median } from './measure.ts'

export type Unit = 'ms' | 'MB'

export interface Goal {
  readonly text: string
  /** What was reached, in words. */
  readonly reached: string
  readonly isMet: boolean
}

export interface Row {
  readonly name: string
  readonly samples: readonly number[]
  /** How many times the median of the group's baseline. */
  readonly ratio?: number
  readonly goals?: readonly Goal[]
}

export interface Group {
  readonly id: string
  readonly title: string
  readonly unit: Unit
  /** What the ratios are to; null when there are none. */
  readonly baseline: string | null
  readonly rows: readonly Row[]
  readonly notes: readonly string[]
}

/** A goal on a number that must not be above `limit`. */
export function atMost(limit: number, value: number, text: string, unit = '×'): Goal {
  return {
    text: `≤ ${limit} ${unit}${text}`,
    reached: `${figure(value)} ${unit}`.trim(),
    isMet: value <= limit,
  }
}

/** A goal on a number that must not be below `limit`. */
export function atLeast(limit: number, value: number, text: string): Goal {
  return { text: `≥ ${limit} × ${text}`, reached: `${figure(value)} ×`, isMet: value >= limit }
}

const HEAD = ['', 'median', 'min – max', 'ratio'] as const

export function renderTerminal(groups: readonly Group[]): string {
  const rows = groups.flatMap(group => group.rows.map(row => cellsOf(row, group)))
  const widths = HEAD.map((title, i) => Math.max(title.length, ...rows.map(cells => cells[i]?.length ?? 0)))
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd()
  const lines: string[] = []
  for (const group of groups) {
    lines.push('', styleText('bold', group.title), styleText('dim', line(HEAD)))
    for (const row of group.rows) {
      lines.push(line(cellsOf(row, group)))
      for (const goal of row.goals ?? []) lines.push(`    ${painted(goal)}`)
    }
    for (const note of group.notes) lines.push(styleText('dim', `  ${note}`))
  }
  return lines.join('\n')
}

/** @param run when and of what it was measured */
export function renderMarkdown(group: Group, run: string): string {
  const { title, rows, notes } = group
  const lines = [`### ${title}`, '', run, '']
  lines.push(`| | median | min – max | ratio | goal |`, '| --- | ---: | ---: | ---: | --- |')
  for (const row of rows) {
    const goals = (row.goals ?? []).map(
      ({ text, reached, isMet }) => `${text}: ${reached}, ${isMet ? 'met' : '**not met**'}`,
    )
    lines.push(`| ${cellsOf(row, group).join(' | ')} | ${goals.join('<br>')} |`)
  }
  lines.push('', ...notes.flatMap(note => [note, '']))
  return lines.join('\n')
}

function cellsOf(row: Row, { unit }: Group): string[] {
  const { samples } = row
  const [low, high] = [Math.min(...samples), Math.max(...samples)]
  return [
    row.name,
    `${figure(median(samples))} ${unit}`,
    samples.length > 1 ? `${figure(low)} – ${figure(high)}` : '',
    row.ratio === undefined ? '' : `${row.ratio.toFixed(2)} ×`,
  ]
}

function painted({ text, reached, isMet }: Goal): string {
  return isMet
    ? styleText('green', `✓ ${text}: ${reached}`)
    : styleText('red', `✗ ${text}: ${reached}, not met`)
}

/** Three digits say enough. */
function figure(value: number): string {
  return value < 10
    ? value.toFixed(2)
    : value < 100
      ? value.toFixed(1)
      : Math.round(value).toLocaleString('en-US')
}
