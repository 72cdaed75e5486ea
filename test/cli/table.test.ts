import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Column, renderTable } from '../../src/cli/table.ts'
import { textWidth } from '../../src/cli/text.ts'

interface Row {
  readonly name: string
  readonly size: string
  readonly note: string
}

const columns: readonly Column<Row>[] = [
  { title: 'Name', value: row => row.name },
  { title: 'Size', value: row => row.size, align: 'right' },
  { title: 'Note', value: row => row.note, shrinkTo: 6, drop: 1 },
]
const wrapping: readonly Column<Row>[] = columns.map(column => ({ ...column, wraps: true }))

const rows: readonly Row[] = [
  { name: 'first.db', size: '1 KiB', note: 'Before migration' },
  { name: '数据库.db', size: '12.3 MiB', note: '' },
]

test('columns line up, with wide characters too', () => {
  expect(renderTable(columns, rows, { width: Infinity })).toBe(
    ['Name           Size  Note', 'first.db      1 KiB  Before migration', '数据库.db  12.3 MiB'].join('\n'),
  )
})

test('a narrow terminal gets shorter notes, then none, then a block for each row', () => {
  expect(renderTable(columns, rows, { width: 30 }).split('\n')[1]).toBe('first.db      1 KiB  Before m…')
  expect(renderTable(columns, rows, { width: 22 }).split('\n')[1]).toBe('first.db      1 KiB')
  expect(renderTable(columns, rows, { width: 12 })).toBe(
    ['first.db', '  1 KiB', '  Before migration', '数据库.db', '  12.3 MiB'].join('\n'),
  )
})

test('what has to be read as a whole goes on below instead of being cut', () => {
  const why: Column<Row> = { title: 'Why', value: row => row.note, shrinkTo: 8, wraps: true }
  expect(renderTable([...columns.slice(0, 2), why], rows, { width: 30 })).toBe(
    [
      'Name           Size  Why',
      'first.db      1 KiB  Before',
      '                     migration',
      '数据库.db  12.3 MiB',
    ].join('\n'),
  )
})

test('a column that goes on below makes room for one that would be cut', () => {
  const name: Column<Row> = { title: 'Name', value: row => row.name, shrinkTo: 4 }
  const why: Column<Row> = { title: 'Why', value: row => row.note, shrinkTo: 8, wraps: true }
  expect(renderTable([name, why], rows.slice(0, 1), { width: 20 }).split('\n')).toEqual([
    'Name      Why',
    'first.db  Before',
    '          migration',
  ])
})

test('a bare number keeps its title on a narrow terminal', () => {
  const counted: Column<Row> = { title: 'Rows', value: () => '1,204', align: 'right' }
  expect(renderTable([...columns.slice(0, 2), counted], rows.slice(0, 1), { width: 14 })).toBe(
    ['first.db', '  1 KiB', '  Rows: 1,204'].join('\n'),
  )
})

test('a column that nothing fills is left out', () => {
  expect(renderTable(columns, rows.slice(1), { width: 80 })).not.toContain('Note')
})

test('a table has as many rows as there are', () => {
  const many = Array.from({ length: 200_000 }, () => rows[0] as Row)
  expect(renderTable(columns, many, { width: 80 }).split('\n')).toHaveLength(200_001)
})

test('no line of a table is wider than the terminal', () => {
  const text = fc.string({ unit: 'grapheme-ascii', maxLength: 12 })
  const row = fc.record({
    name: text,
    size: text,
    note: fc.string({ unit: 'grapheme-ascii', maxLength: 80 }),
  })
  fc.assert(
    fc.property(fc.array(row, { minLength: 1 }), fc.integer({ min: 28, max: 120 }), (someRows, width) => {
      for (const some of [columns, wrapping])
        for (const line of renderTable(some, someRows, { width }).split('\n'))
          expect(textWidth(line)).toBeLessThanOrEqual(width)
    }),
  )
})
