import { readFileSync, writeFileSync } from 'node:fs'

/** Replaces what stands between `<!-- mark:begin -->` and `<!-- mark:end -->` in the file. Throws when it has no such marks. */
export function writeBetweenMarks(path: string, mark: string, text: string): void {
  const [begin, end] = [`<!-- ${mark}:begin -->`, `<!-- ${mark}:end -->`]
  const content = readFileSync(path, 'utf8')
  const [from, to] = [content.indexOf(begin), content.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${path} has no place for a table: ${begin} … ${end}`)
  writeFileSync(path, `${content.slice(0, from)}${begin}\n\n${text.trim()}\n\n${content.slice(to)}`)
}
