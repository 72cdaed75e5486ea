import { readFileSync, writeFileSync } from 'node:fs'

/** What stands between the marks, without what is around it. Throws when there are none. */
export function readBetweenMarks(path: string, mark: string): string {
  const [content, from, to] = findMarks(path, mark)
  return content.slice(from, to).trim()
}

/** Replaces what stands between `<!-- mark:begin -->` and `<!-- mark:end -->` in the file. Throws when it has no such marks. */
export function writeBetweenMarks(path: string, mark: string, text: string): void {
  const [content, from, to] = findMarks(path, mark)
  writeFileSync(path, `${content.slice(0, from)}\n\n${text.trim()}\n\n${content.slice(to)}`)
}

/** The content of the file, and where in it the first mark ends and the second begins. */
function findMarks(path: string, mark: string): [content: string, from: number, to: number] {
  const [begin, end] = [`<!-- ${mark}:begin -->`, `<!-- ${mark}:end -->`]
  const content = readFileSync(path, 'utf8')
  const [from, to] = [content.indexOf(begin), content.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`${path} has no place for a table: ${begin} … ${end}`)
  return [content, from + begin.length, to]
}
