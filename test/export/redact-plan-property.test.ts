import type { SQLInputValue } from 'node:sqlite'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { REDACTIONS } from '../../src/export/model.ts'
import { isFull, SEED } from '../faults/extent.ts'
import { database, insert, redact, SECRET } from './redact-database.ts'

const RUNS = isFull ? 5_000 : 250
if (isFull) vi.setConfig({ testTimeout: 3_600_000 })

interface Column {
  readonly type: string
  readonly notNull: boolean
  readonly unique: boolean
  readonly collation: string
  readonly check: string
  readonly generated: string
  readonly index: string
  readonly how: (typeof REDACTIONS)[number]
  readonly refers: boolean
}

const column: fc.Arbitrary<Column> = fc.record({
  type: fc.constantFrom('TEXT', 'INTEGER', 'REAL', 'NUMERIC', 'BLOB', ''),
  notNull: fc.boolean(),
  unique: fc.boolean(),
  collation: fc.constantFrom('', ' COLLATE NOCASE', ' COLLATE RTRIM'),
  check: fc.constantFrom('', '', 'length(@) > 2', "typeof(@) <> 'blob' OR 1", '@ IS NULL OR length(@) >= 1'),
  generated: fc.constantFrom('', '', 'lower(@)', 'typeof(@)'),
  index: fc.constantFrom('', '(@)', '(lower(@))', '(id) WHERE @ IS NOT NULL', '(@ DESC, id)'),
  how: fc.constantFrom(...REDACTIONS),
  refers: fc.boolean(),
})

const schema = fc.record({
  columns: fc.array(column, { minLength: 1, maxLength: 4 }),
  key: fc.constantFrom('id INTEGER PRIMARY KEY', 'id TEXT PRIMARY KEY', 'id INTEGER UNIQUE NOT NULL'),
  options: fc.constantFrom('', ' WITHOUT ROWID'),
  rows: fc.integer({ min: 0, max: 90 }),
  values: fc.constantFrom<('text' | 'integer' | 'real' | 'blob')[]>(
    ['text'],
    ['text', 'integer'],
    ['real', 'blob', 'text', 'integer'],
  ),
})

test('whatever the schema, the plan loads, its constraints hold and nothing of the values is left', async () => {
  await fc.assert(
    fc.asyncProperty(schema, async ({ columns, key, options, rows, values }) => {
      const withoutRowid = key.includes('PRIMARY') ? options : ''
      const parent = columns.map((each, index) => define(each, `c${index}`))
      const child = columns.flatMap(({ unique, refers, type, how }, index) =>
        unique && refers && how !== 'omit' ? [`c${index} ${type} REFERENCES parent (c${index})`] : [],
      )
      const indexes = columns.flatMap(({ index }, number) =>
        index === '' ? [] : [`CREATE INDEX i${number} ON parent ${index.replaceAll('@', `c${number}`)}`],
      )
      const source = database(
        [
          `CREATE TABLE parent (${[key, ...parent].join(', ')})${withoutRowid}`,
          `CREATE TABLE child (${['n INTEGER', ...child].join(', ')})`,
          ...indexes,
          `CREATE VIEW v AS SELECT * FROM parent`,
          `CREATE TRIGGER r AFTER INSERT ON parent BEGIN UPDATE child SET n = new.c0 WHERE n = '${SECRET}'; END`,
        ].join(';\n'),
      )
      const names = columns.map((_, index) => `c${index}`)
      const valueOf = (row: number, index: number): SQLInputValue =>
        valueFor(values[(row + index) % values.length] ?? 'text', row)
      insert(
        source,
        'parent',
        ['id', ...names],
        Array.from({ length: rows }, (_, row) => [row, ...names.map((_name, index) => valueOf(row, index))]),
      )
      for (const reference of child) {
        const name = reference.split(' ')[0] ?? ''
        source.exec(`INSERT INTO child (${name}) SELECT ${name} FROM parent`)
      }
      const wishes = { parent: Object.fromEntries(columns.map(({ how }, index) => [`c${index}`, how])) }
      const { plan, result } = await redact(source, wishes)
      expect(
        new Set(
          plan.redacted.filter(({ table }) => table === 'parent').map(({ column: name }) => name),
        ).isSupersetOf(new Set(names)),
      ).toBe(true)
      expect(result.prepare('SELECT count(*) AS n FROM parent').get()).toEqual({ n: rows })
      result.close()
      source.close()
    }),
    { numRuns: RUNS, seed: SEED },
  )
})

function define({ type, notNull, unique, collation, check, generated }: Column, name: string): string {
  const parts = [name, type, notNull ? 'NOT NULL' : '', unique ? 'UNIQUE' : '', collation]
  const more = generated === '' ? '' : `, g${name} AS (${generated.replaceAll('@', name)})`
  const constraint = check === '' ? '' : ` CHECK (${check.replaceAll('@', name)})`
  return parts.filter(part => part !== '').join(' ') + constraint + more
}

function valueFor(kind: 'text' | 'integer' | 'real' | 'blob', row: number): SQLInputValue {
  if (kind === 'text') return row % 3 === 0 ? `${SECRET}${row}@example.com` : `${SECRET} ${row}`
  if (kind === 'integer') return BigInt(row) + 1_000n
  return kind === 'real' ? row + 1000.25 : Buffer.from(`${SECRET}${row}`)
}
