/**
 * The record of classes, `recorded-*.txt`, as text. A class stands on a line of its own; below it, indented,
 * the images that are of it, those whose ids begin alike together, numbers that follow each other as a range.
 */
export type Classes = ReadonlyMap<string, string>

export function printClasses(classes: Classes): string {
  const byClass = Map.groupBy(classes, ([, text]) => text)
  const blocks = [...byClass]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([text, members]) => {
      const byPrefix = Map.groupBy(
        members.map(([id]) => id),
        id => id.slice(0, id.lastIndexOf('/') + 1),
      )
      const lines = [...byPrefix]
        .toSorted(([a], [b]) => (a < b ? -1 : 1))
        .flatMap(([prefix, ids]) => linesOf(prefix, ids))
      return `${text}\n${lines.map(line => `  ${line}\n`).join('')}`
    })
  return blocks.join('')
}

/** So many ids stand on a line that a change shows as a short diff. */
const IDS_PER_LINE = 12

function linesOf(prefix: string, ids: readonly string[]): string[] {
  const last = ids.map(id => id.slice(prefix.length))
  const numbers = last
    .filter(isNumber)
    .map(Number)
    .toSorted((a, b) => a - b)
  const tokens = [...rangesOf(numbers), ...last.filter(text => !isNumber(text)).toSorted()]
  return Array.from({ length: Math.ceil(tokens.length / IDS_PER_LINE) }, (_, i) =>
    [prefix, ...tokens.slice(i * IDS_PER_LINE, (i + 1) * IDS_PER_LINE)].join(' '),
  )
}

function isNumber(text: string): boolean {
  return /^\d+$/.test(text)
}

function rangesOf(numbers: readonly number[]): string[] {
  const ranges: { from: number; to: number }[] = []
  for (const number of numbers) {
    const range = ranges.at(-1)
    if (range !== undefined && number === range.to + 1) range.to = number
    else ranges.push({ from: number, to: number })
  }
  return ranges.map(({ from, to }) => (from === to ? `${from}` : `${from}..${to}`))
}

export function parseClasses(text: string): Map<string, string> {
  const classes = new Map<string, string>()
  let current = ''
  for (const line of text.split('\n').filter(Boolean)) {
    if (!line.startsWith('  ')) {
      current = line
      continue
    }
    const [prefix = '', ...tokens] = line.trim().split(' ')
    for (const token of tokens) for (const id of idsOf(token)) classes.set(`${prefix}${id}`, current)
  }
  return classes
}

function idsOf(token: string): string[] {
  const range = /^(\d+)\.\.(\d+)$/.exec(token)
  if (range === null) return [token]
  const [from, to] = [Number(range[1]), Number(range[2])]
  return Array.from({ length: to - from + 1 }, (_, i) => String(from + i))
}
