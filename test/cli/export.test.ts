import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { DataExported, SensitiveScan } from '../../src/index.ts'
import { cleanEnvironment, CLI, openWorkplace, type Workplace } from './run-cli.ts'

/** A workplace whose users have something to hide. */
function openWithSecrets(): Workplace {
  const place = openWorkplace()
  const database = new DatabaseSync(place.databasePath)
  database.exec(`
    CREATE TABLE accounts (id INTEGER PRIMARY KEY, email TEXT NOT NULL, password TEXT, token TEXT NOT NULL UNIQUE, compass TEXT);
    CREATE VIEW weak AS SELECT email FROM accounts WHERE password = 'hunter2';
    INSERT INTO accounts (email, password, token, compass) VALUES
      ('ann@example.com', 'hunter2', 'hunter3', 'north'), ('bob@example.com', NULL, 'hunter4', '=1+1');
  `)
  database.close()
  return place
}

async function exported(place: Workplace, args: readonly string[] = []): Promise<DataExported> {
  return (await place.json(['export', ...args])) as unknown as DataExported
}

interface JsonExport {
  readonly metadata: Record<string, unknown>
  readonly tables: Record<string, Record<string, unknown>[]>
}

function readJson(path: string): JsonExport {
  return JSON.parse(readFileSync(path, 'utf8')) as JsonExport
}

test('export writes one JSON document without secrets, and says where and what', async () => {
  using place = openWithSecrets()
  const done = await place.cli(['export'])
  expect(done).toMatchObject({ exit: 0, stderr: '' })
  const path = /Exported: (.+)/.exec(done.stdout)?.[1] ?? ''
  expect(path).toContain(place.path('backups', 'exports'))
  expect(basename(path)).toMatch(/^chame_export_\d{8}_\d{6}\.json$/)
  expect(done.stdout).toContain('3 tables, 504 rows, ')
  expect(done.stdout).toContain('  redacted: accounts.password (left out)\n')
  expect(done.stdout).toContain('  redacted: accounts.token (hashed)\n')
  expect(done.stdout).toContain('  left out: view weak (it uses the column password, which is left out)')
  expect(readFileSync(path, 'utf8')).not.toContain('hunter')
  expect(readJson(path).tables['messages']).toHaveLength(500)
})

test('export --include-sensitive has everything in it and says so', async () => {
  using place = openWithSecrets()
  const done = await place.cli(['export', '--include-sensitive'])
  expect(done.stdout).toContain('Note: passwords, tokens and the like are in it as they are.')
  const path = /Exported: (.+)/.exec(done.stdout)?.[1] ?? ''
  expect(basename(path)).toMatch(/_sensitive\.json$/)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(readJson(path).tables['accounts']?.[0]).toMatchObject({ password: 'hunter2', token: 'hunter3' })
})

test.each([
  ['json', /\.json$/],
  ['ndjson', /\.ndjson$/],
  ['csv', /\d$/],
  ['sql', /\.sql$/],
  ['parquet', /\d$/],
])('export --format %s is named after what it is', async (format, name) => {
  using place = openWithSecrets()
  const done = await exported(place, ['--format', format])
  expect(done).toMatchObject({
    success: true,
    format,
    rows: 504,
    tables: { users: 2, messages: 500, accounts: 2 },
  })
  expect(basename(done.exportPath)).toMatch(name)
  expect(statSync(done.exportPath).isDirectory()).toBe(['csv', 'parquet'].includes(format))
})

test('export --from reads a stored backup', async () => {
  using place = openWithSecrets()
  const { filename } = await place.json(['create'])
  const database = new DatabaseSync(place.databasePath)
  database.exec('DELETE FROM messages')
  database.close()
  expect(await exported(place)).toMatchObject({ tables: { messages: 0 } })
  const done = await exported(place, ['--from', 'latest'])
  expect(done).toMatchObject({ tables: { messages: 500 } })
  expect(readJson(done.exportPath).metadata).toMatchObject({ backup: filename })
})

test('export --tables, --exclude and --where choose what is exported', async () => {
  using place = openWithSecrets()
  expect((await exported(place, ['--tables', 'users,messages'])).tables).toEqual({ users: 2, messages: 500 })
  expect((await exported(place, ['--tables', 'users', '--tables', 'messages'])).rows).toBe(502)
  expect((await exported(place, ['--exclude', 'messages'])).tables).toEqual({ users: 2, accounts: 2 })
  const where = ['--where', 'messages=id > 495', '--where', "users=name = 'admin'"]
  expect((await exported(place, where)).tables).toMatchObject({ messages: 5, users: 1 })
})

test('export --output writes there, and replaces what is there only with --force', async () => {
  using place = openWithSecrets()
  expect(await exported(place, ['--output', 'out.json'])).toMatchObject({
    exportPath: place.path('out.json'),
  })
  const refused = await place.cli(['export', '--output', 'out.json'])
  expect(refused).toMatchObject({ exit: 2, stdout: '' })
  expect(refused.stderr).toMatch(/^Error: There is something already: .*out\.json\n.*--force/)
  await exported(place, ['--output', 'out.json', '--force', '--tables', 'users'])
  expect(Object.keys(readJson(place.path('out.json')).tables)).toEqual(['users'])
})

test('export --output - has the data alone on stdout, and what there is to say on stderr', async () => {
  using place = openWithSecrets()
  const args = ['export', '--format', 'ndjson', '--output', '-']
  const inWords = await place.cli(args)
  expect(inWords.exit).toBe(0)
  expect(inWords.stderr).toContain('Exported: to standard output')
  expect(inWords.stdout.trimEnd().split('\n')).toHaveLength(507)
  expect(await place.cli([...args, '--quiet'])).toMatchObject({ exit: 0, stderr: '' })
  const inJson = await place.cli([...args, '--json'])
  expect(inJson.stdout.split('\n')[0]).toContain('"metadata"')
  expect(JSON.parse(inJson.stderr)).toMatchObject({ success: true, exportPath: '-', rows: 504 })
  const failed = await place.cli([...args, '--json', '--tables', 'nothing'])
  expect(failed).toMatchObject({ exit: 2, stdout: '' })
  expect(JSON.parse(failed.stderr)).toMatchObject({ success: false, code: 'INVALID_ARGUMENT' })
  expect(readdirSync(place.directory)).toEqual(['data'])
})

test('a reader of export --output - that goes away early leaves no noise', async () => {
  using place = openWithSecrets()
  const database = new DatabaseSync(place.databasePath)
  database.exec('INSERT INTO messages (body) SELECT hex(zeroblob(2000)) FROM messages')
  database.close()
  const command = '"$0" "$1" export --output - --format ndjson --quiet | head -n 1'
  const { stdout, stderr } = spawnSync('sh', ['-c', command, process.execPath, CLI], {
    cwd: place.directory,
    env: cleanEnvironment(),
    encoding: 'utf8',
  })
  expect(stdout).toMatch(/^\{"metadata":.*\n$/)
  expect(stderr).toBe('')
})

test('export --compress, --pretty and --zip pack it', async () => {
  using place = openWithSecrets()
  const zstd = await exported(place, ['--compress', 'zstd'])
  expect(JSON.parse(String(zstdDecompressSync(readFileSync(zstd.exportPath))))).toHaveProperty('tables')
  const gzip = await exported(place, ['--format', 'csv', '--compress', 'gzip'])
  expect(gzip.files.toSorted()).toEqual([
    'accounts.csv.gz',
    'messages.csv.gz',
    'schema.json.gz',
    'users.csv.gz',
  ])
  expect(String(gunzipSync(readFileSync(`${gzip.exportPath}/users.csv.gz`)))).toContain('"admin"')
  const pretty = await exported(place, ['--pretty'])
  expect(readFileSync(pretty.exportPath, 'utf8')).toContain('\n    "users": [\n')
  const zip = await exported(place, ['--format', 'csv', '--zip'])
  expect(zip.exportPath).toMatch(/\.zip$/)
  expect(zip.files).toContain('accounts.csv')
})

test('export --delimiter, --null and --excel-safe write CSV as a spreadsheet wants it', async () => {
  using place = openWithSecrets()
  const args = [
    '--format',
    'csv',
    '--delimiter',
    ';',
    '--null',
    'NULL',
    '--excel-safe',
    '--include-sensitive',
  ]
  const { exportPath } = await exported(place, args)
  const lines = readFileSync(`${exportPath}/accounts.csv`, 'utf8').split('\r\n')
  expect(lines[0]).toBe('"id";"email";"password";"token";"compass"')
  expect(lines[2]).toBe(`2;"bob@example.com";NULL;"hunter4";"'=1+1"`)
})

test('export --redact makes further columns harmless', async () => {
  using place = openWithSecrets()
  const args = ['--redact', 'accounts.email=mask', '--redact', 'accounts.password=fixed']
  const { exportPath, redacted } = await exported(place, args)
  expect(redacted).toEqual(
    expect.arrayContaining([
      { table: 'accounts', column: 'email', how: 'mask' },
      { table: 'accounts', column: 'password', how: 'fixed' },
    ]),
  )
  const rows = readJson(exportPath).tables['accounts'] ?? []
  expect(rows.map(({ email, password }) => [email, password])).toEqual([
    ['a***@e***.com', 'redacted'],
    ['b***@e***.com', null],
  ])
})

test('export --scan shows what looks sensitive, why and how sure, and writes nothing', async () => {
  using place = openWithSecrets()
  const shown = await place.cli(['export', '--scan'])
  expect(shown).toMatchObject({ exit: 0, stderr: '' })
  const lines = shown.stdout.split('\n')
  expect(lines[0]).toMatch(/^Column +Sure +Found by +Why$/)
  expect(lines[1]).toMatch(/^accounts\.password +certain +name +Its name says "password"\.$/)
  expect(shown.stdout).toContain('2 columns look sensitive; 8 columns of 3 tables looked at.')
  expect(shown.stdout).not.toContain('hunter')
  expect((await place.cli(['export', '--scan', '--quiet'])).stdout).toBe(
    'accounts.password\naccounts.token\n',
  )
  const { findings } = (await place.json(['export', '--scan'])) as unknown as SensitiveScan
  expect(findings[1]).toMatchObject({ table: 'accounts', column: 'token', confidence: 'certain', by: 'name' })
  expect(existsSync(place.path('backups'))).toBe(false)
})

test('export --scan of a database without anything to hide says so', async () => {
  using place = openWorkplace()
  const { stdout } = await place.cli(['export', '--scan'])
  expect(stdout).toBe('Nothing looks sensitive; 3 columns of 2 tables looked at.\n')
})

test('export --quiet prints nothing', async () => {
  using place = openWithSecrets()
  expect(await place.cli(['export', '--quiet'])).toEqual({ exit: 0, stdout: '', stderr: '' })
})

test('what the configuration says of exports holds, and options win over it', async () => {
  using place = openWithSecrets()
  const config = { export: { redact: { 'accounts.email': 'hash' }, notSensitive: ['accounts.password'] } }
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify(config))
  expect((await exported(place)).redacted.map(({ column, how }) => `${column} ${how}`)).toEqual([
    'email hash',
    'token hash',
  ])
  const { redacted } = await exported(place, ['--redact', 'accounts.email=null'])
  expect(redacted.find(({ column }) => column === 'email')?.how).toBe('fixed')
})

const mistakes: readonly (readonly [string[], RegExp])[] = [
  [['--format', 'xml'], /xml/],
  [['--tables', ','], /names of tables/],
  [['--tables', 'usres'], /usres/],
  [['--exclude', 'usres'], /usres/],
  [['--where', 'users'], /<table>=<condition>/],
  [['--where', 'users=a', '--where', 'users=b'], /already/],
  [['--where', 'users=no such thing'], /users/],
  [['--redact', 'users.name=encrypt'], /omit, null, mask, hash, fixed, fake/],
  [['--redact', 'users=mask'], /users/],
  [['--redact', 'users.nmae=mask'], /nmae/],
  [['--redact', 'users.name=mask', '--redact', 'users.name=hash'], /already/],
  [['--zip'], /zip/i],
  [['--pretty', '--format', 'sql'], /pretty/],
  [['--compress', 'zip'], /zip/],
  [['--compress', 'gzip', '--zip', '--format', 'csv'], /ZIP/],
  [['--delimiter', ';'], /csv/],
  [['--delimiter', ';;', '--format', 'csv'], /;;/],
  [['--null', '0', '--format', 'csv'], /NULL/],
  [['--format', 'csv', '--output', '-'], /several files/],
]

test.each(mistakes)(
  '`chame-backup export %j` is a usage error that says what is wrong',
  async (args, message) => {
    using place = openWithSecrets()
    const inWords = await place.cli(['export', ...args])
    expect(inWords).toMatchObject({ exit: 2, stdout: '' })
    expect(inWords.stderr).toMatch(/^Error: [A-Z].*\n./)
    expect(inWords.stderr).toMatch(message)
    expect(existsSync(place.path('backups', 'exports'))).toBe(false)
  },
)

test('a database or backup that is not there is not found', async () => {
  using place = openWithSecrets()
  expect(await place.cli(['export', '--path', 'data/other.db'])).toMatchObject({ exit: 10, stdout: '' })
  const failed = await place.cli(['export', '--from', 'nowhere.db', '--json'])
  expect(failed).toMatchObject({ exit: 10, stderr: '' })
  expect(JSON.parse(failed.stdout)).toMatchObject({ success: false, code: 'BACKUP_NOT_FOUND' })
})
