/** The results in a document: a section for each group, of the run that measured it last. */
import { readFileSync } from 'node:fs'
import { writeBetweenMarks } from '../scripts/write-between-marks.ts'
import { type Group, renderMarkdown } from './table.ts'

const MARK = /^<!-- bench of (\S+) -->$/m

/** Replaces the sections of these groups in the file, and leaves those of others; new ones come last. */
export function writeSections(path: string, groups: readonly Group[], run: string): void {
  const sections = sectionsOf(readFileSync(path, 'utf8'))
  for (const group of groups) sections.set(group.id, renderMarkdown(group, run))
  const text = [...sections].map(([id, section]) => `<!-- bench of ${id} -->\n\n${section.trim()}`)
  writeBetweenMarks(path, 'bench', text.join('\n\n'))
}

function sectionsOf(content: string): Map<string, string> {
  const [within = ''] = content.split('<!-- bench:end -->')
  const [, ...parts] = within.split(MARK)
  return new Map(parts.flatMap((part, i) => (i % 2 === 0 ? [[part, parts[i + 1] ?? '']] : [])))
}
