import { existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { contentOf } from '../support/intact.ts'
import { countMessages, openWorkplace, type Workplace } from './run-cli.ts'

async function exportTo(place: Workplace, args: readonly string[]): Promise<string> {
  const { exportPath } = await place.json(['export', ...args])
  return String(exportPath)
}

test.each([
  [[]],
  [['--format', 'ndjson', '--compress', 'zstd']],
  [['--format', 'csv']],
  [['--format', 'csv', '--zip']],
  [['--format', 'sql', '--compress', 'gzip']],
])('import reads back what export %j wrote', async args => {
  using place = openWorkplace()
  const from = await exportTo(place, args)
  const imported = await place.cli(['import', from, '--to', 'new.db'])
  expect(imported).toMatchObject({ exit: 0, stderr: '' })
  expect(imported.stdout).toContain(`Imported: ${place.path('new.db')}\n`)
  expect(imported.stdout).toContain('2 tables, 502 rows')
  expect(contentOf(place.path('new.db'))).toEqual(contentOf(place.databasePath))
})

test('import needs no database of its own, and makes no backup directory', async () => {
  using place = openWorkplace()
  const from = await exportTo(place, ['--output', 'out.json'])
  const imported = await place.json([
    'import',
    from,
    '--to',
    'made/new.db',
    '--path',
    'nowhere.db',
    '--backup-dir',
    'none',
  ])
  expect(imported).toMatchObject({
    success: true,
    format: 'json',
    rows: 502,
    sensitive: false,
    redacted: [],
    lost: [],
  })
  expect(countMessages(place.path('made', 'new.db'))).toBe(500)
  expect(existsSync(place.path('none'))).toBe(false)
})

test('import says what was redacted and left out when it was exported', async () => {
  using place = openWorkplace()
  const database = new DatabaseSync(place.databasePath)
  database.exec(`CREATE TABLE accounts (id INTEGER PRIMARY KEY, password TEXT);
    CREATE VIEW weak AS SELECT id FROM accounts WHERE password = 'hunter2'`)
  database.close()
  const from = await exportTo(place, [])
  const { stdout } = await place.cli(['import', from, '--to', 'new.db'])
  expect(stdout).toContain('Note: accounts.password was redacted in the export (omit)')
  expect(stdout).toContain('Note: the view weak is not in the export: it uses the column password')
})

test('import --quiet prints nothing', async () => {
  using place = openWorkplace()
  const from = await exportTo(place, [])
  expect(await place.cli(['import', from, '--to', 'new.db', '--quiet'])).toEqual({
    exit: 0,
    stdout: '',
    stderr: '',
  })
})

test('import --format says what a file is', async () => {
  using place = openWorkplace()
  const from = await exportTo(place, ['--format', 'sql', '--output', 'dump.txt'])
  expect(await place.json(['import', from, '--to', 'new.db', '--format', 'sql'])).toMatchObject({
    format: 'sql',
  })
  const wrong = await place.cli(['import', from, '--to', 'other.db', '--format', 'json'])
  expect(wrong).toMatchObject({ exit: 3, stdout: '' })
  expect(existsSync(place.path('other.db'))).toBe(false)
})

test('import overwrites nothing', async () => {
  using place = openWorkplace()
  const from = await exportTo(place, [])
  const before = readFileSync(place.databasePath)
  const refused = await place.cli(['import', from, '--to', 'data/chame.db'])
  expect(refused).toMatchObject({ exit: 2, stdout: '' })
  expect(refused.stderr).toMatch(/^Error: .*chame\.db\n./)
  expect(readFileSync(place.databasePath).equals(before)).toBe(true)
})

test('what is no export, or cut off, is refused, in words and in JSON, and nothing is made', async () => {
  using place = openWorkplace()
  const from = await exportTo(place, ['--output', 'out.ndjson', '--format', 'ndjson'])
  truncateSync(from, 5000)
  writeFileSync(place.path('shopping.txt'), 'milk, eggs')
  for (const file of ['out.ndjson', 'shopping.txt']) {
    const failed = await place.cli(['import', file, '--to', 'new.db'])
    expect(failed).toMatchObject({ exit: 3, stdout: '' })
    expect(failed.stderr).toMatch(/^Error: [A-Z].*\n./)
    const inJson = await place.cli(['import', file, '--to', 'new.db', '--json'])
    expect(JSON.parse(inJson.stdout)).toMatchObject({ success: false, code: 'EXPORT_INVALID' })
    expect(existsSync(place.path('new.db'))).toBe(false)
  }
})

test.each([
  [['nowhere.json', '--to', 'new.db'], 10, 'nowhere.json'],
  [['nowhere.json'], 2, '--to'],
  [['--to', 'new.db'], 2, 'file'],
  [['out.json', '--to', 'new.db', '--format', 'parquet'], 2, 'parquet'],
] as const)('`chame-backup import %j` is refused', async (args, exit, named) => {
  using place = openWorkplace()
  const failed = await place.cli(['import', ...args])
  expect(failed).toMatchObject({ exit, stdout: '' })
  expect(failed.stderr).toMatch(/^Error: [A-Z].*\n./)
  expect(failed.stderr).toContain(named)
})
