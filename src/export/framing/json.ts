import type { Framing } from './framing.ts'

/** One document: `{ metadata, schema, tables: { users: [ … ] }, summary }`, each row on a line of its own. */
export function jsonFraming({ isPretty }: { readonly isPretty: boolean }): Framing {
  const indent = (depth: number): string => (isPretty ? '  '.repeat(depth) : '')
  const print = (value: unknown): string =>
    isPretty ? JSON.stringify(value, null, 2).replaceAll('\n', '\n  ') : JSON.stringify(value)
  const space = isPretty ? ' ' : ''
  const key = (name: string, depth: number): string => `${indent(depth)}${JSON.stringify(name)}:${space}`
  return {
    head: ({ metadata, schema }) =>
      `{\n${key('metadata', 1)}${print(metadata)},\n${key('schema', 1)}${print(schema)},\n${key('tables', 1)}{\n`,
    tableHead: ({ name }, { isFirst }) => `${isFirst ? '' : ',\n'}${key(name, 2)}[\n`,
    separator: ',\n',
    tableTail: (_, rows) => `${rows === 0 ? '' : '\n'}${indent(2)}]`,
    tail: summary => `\n${indent(1)}},\n${key('summary', 1)}${print(summary)}\n}\n`,
  }
}

/** Lines: metadata, schema, every row with its table, summary. */
export const NDJSON_FRAMING: Framing = {
  head: ({ metadata, schema }) => `${JSON.stringify({ metadata })}\n${JSON.stringify({ schema })}\n`,
  tableHead: () => '',
  separator: '',
  tableTail: () => '',
  tail: summary => `${JSON.stringify({ summary })}\n`,
}
