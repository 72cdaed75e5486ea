import { existsSync, readFileSync, writeFileSync } from 'node:fs'

const BEGIN = '<!-- bench:begin -->'
const END = '<!-- bench:end -->'

/** Puts the table between the two marks of the file at `path`; a file without them becomes the table alone. */
export function writeTable(path: string, table: string): void {
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  const isMarked = from >= 0 && to > from
  const before = isMarked ? text.slice(0, from) : ''
  const after = isMarked ? text.slice(to + END.length) : '\n'
  writeFileSync(path, `${before}${BEGIN}\n\n${table.trim()}\n\n${END}${after}`)
}
