import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { DataExported, ErrorCode, ExportDataRequest, Failure, Progress } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { callElsewhere, UNPRIVILEGED, withReadOnly } from '../support/other-process.ts'
import { failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { runCli } from './cli.ts'

const SQL = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password_hash TEXT);
  INSERT INTO users VALUES (1, 'Ada', 'secret-of-ada'), (2, 'Bob', 'secret-of-bob'), (3, 'Eve', 'secret-of-eve');
  CREATE TABLE orders (id INTEGER PRIMARY KEY, user_id INTEGER, note TEXT);
  INSERT INTO orders VALUES (1, 1, 'first'), (2, 2, NULL);
`

class Place {
  readonly directory = temporaryDirectory()
  readonly path = join(this.directory, 'data', 'app.db')
  readonly output = join(this.directory, 'out', 'export.json')

  constructor() {
    mkdirSync(dirname(this.path))
    buildDatabase(this.path, SQL, { journalMode: 'delete' })
  }

  export(request: ExportDataRequest = {}): Promise<DataExported | Failure> {
    return protect(this.path, { backupDir: join(this.directory, 'backups') }).exportData(request)
  }

  /** It fails with `code`, says what to do, and leaves everything as it was. */
  async refused(code: ErrorCode, request: ExportDataRequest): Promise<Failure> {
    const before = this.#all()
    const failure = failedWith(code, await this.export(request))
    expect(failure.hint).toBeTruthy()
    expect(this.#all()).toEqual(before)
    return failure
  }

  /** Directories for what would have been made may be there already. */
  #all(): string[] {
    return filesBelow(this.directory).filter(name => !['out', 'backups', 'backups/exports'].includes(name))
  }
}

function tablesIn(path: string): Record<string, readonly Record<string, unknown>[]> {
  return (JSON.parse(readFileSync(path, 'utf8')) as { tables: Record<string, Record<string, unknown>[]> })
    .tables
}

describe('what is not there', () => {
  test('a table that is not there is refused, wherever it is named', async () => {
    const place = new Place()
    const { message, hint } = await place.refused('INVALID_ARGUMENT', { tables: ['users', 'nobody'] })
    expect(message).toContain('"nobody"')
    expect(hint).toContain('orders')
    await place.refused('INVALID_ARGUMENT', { exclude: ['nobody'] })
    await place.refused('INVALID_ARGUMENT', { where: { nobody: '1' } })
    await place.refused('INVALID_ARGUMENT', { redact: { 'nobody.name': 'mask' } })
    await place.refused('INVALID_ARGUMENT', { redact: { 'users.nothing': 'mask' } })
    await place.refused('INVALID_ARGUMENT', { redact: { users: 'mask' } })
    await place.refused('BACKUP_NOT_FOUND', { from: 'latest' })
    await place.refused('BACKUP_NOT_FOUND', { from: join(place.directory, 'none.db') })
  })

  test('a database that is not there is said to be missing, with salvage too', async () => {
    const database = protect(join(temporaryDirectory(), 'none.db'))
    failedWith('DATABASE_NOT_FOUND', await database.exportData())
    failedWith('DATABASE_NOT_FOUND', await database.exportData({ salvage: true }))
  })
})

describe('callers without types', () => {
  const WRONG: readonly (readonly [what: string, request: Record<string, unknown>])[] = [
    ['an unknown format', { format: 'xml' }],
    ['a format of another kind', { format: 7 }],
    ['an option that is not there', { forze: true }],
    ['an empty output', { output: '' }],
    ['an output with NUL', { output: 'a\0b' }],
    ['a backup with NUL', { from: 'a\0b' }],
    ['an unknown way to redact', { redact: { 'users.name': 'encrypt' } }],
    ['an unknown compression', { compress: 'lzma' }],
    ['tables in one text', { tables: 'users' }],
    ['a condition that is none', { where: { users: 1 } }],
    ['a delimiter of two characters', { format: 'csv', csv: { delimiter: '||' } }],
    ['a delimiter that is a quote', { format: 'csv', csv: { delimiter: '"' } }],
    ['a delimiter for json', { csv: { delimiter: ';' } }],
    ['a null token that looks like a number', { format: 'csv', csv: { null: '0' } }],
    ['zip of json', { zip: true }],
    ['zip and compress', { format: 'csv', zip: true, compress: 'zstd' }],
    ['pretty csv', { format: 'csv', pretty: true }],
    ['compressed parquet', { format: 'parquet', compress: 'gzip' }],
    ['standard output from a program', { output: '-' }],
  ]

  test.each(WRONG)('are told of %s', async (_, request) => {
    await new Place().refused('INVALID_ARGUMENT', request as ExportDataRequest)
  })
})

describe('an option that would have no effect is refused, and says what it needs', () => {
  test.each([
    [{ target: 'far' }, 'needs from'],
    [{ identity: 'key.txt' }, 'needs from'],
    [{ force: true }, 'needs output'],
  ])('%j of an export', async (request, needed) => {
    expect((await new Place().refused('INVALID_ARGUMENT', request)).message).toContain(needed)
  })

  test.each([{ target: 'far' }, { identity: 'key.txt' }])('%j of a scan', async request => {
    const scanned = await protect(new Place().path).scanSensitive(request)
    expect(failedWith('INVALID_ARGUMENT', scanned).message).toContain('needs from')
  })
})

describe('a condition', () => {
  const NO_CONDITIONS: readonly string[] = [
    '1) UNION ALL SELECT password_hash, 1 FROM users --',
    '1) UNION ALL SELECT 1, password_hash FROM users WHERE (1',
    '1 UNION ALL SELECT password_hash FROM users',
    '1; DROP TABLE users',
    '1); DROP TABLE users; --',
    '1 LIMIT 1',
    '1 ORDER BY id',
    '1 GROUP BY id',
    'id = ?',
    'id = ?1',
    'id = :id',
    'id = $id',
    'id IN (1, 2',
    "name = 'Ada",
    '1 /* and no more',
    '',
    '   ',
    '-- nothing',
    'count(*) > 0',
    'nowhere = 1',
    'no_such_function(id)',
    "load_extension('x')",
    "fts3_tokenizer('simple')",
    'raise(abort, 1)',
    'id, name',
    '*',
    'EXISTS (DELETE FROM users)',
    '(PRAGMA user_version = 7)',
  ]

  test.each(NO_CONDITIONS)('is refused when it is none: %s', async where => {
    const place = new Place()
    const { message } = await place.refused('INVALID_ARGUMENT', { where: { users: where } })
    expect(message).toMatch(/condition/)
    await place.refused('INVALID_ARGUMENT', {
      where: { users: where },
      format: 'parquet',
      includeSensitive: true,
    })
    await place.refused('INVALID_ARGUMENT', { where: { users: where }, salvage: true })
  })

  test('may be anything that is one, and chooses the rows', async () => {
    const place = new Place()
    const CONDITIONS: readonly (readonly [where: string, ids: readonly number[]])[] = [
      ['id > 1', [2, 3]],
      ["name LIKE 'A%' OR id = 3 -- these", [1, 3]],
      ['id IN (SELECT user_id FROM orders)', [1, 2]],
      ["name <> 'it''s (not' AND (id = 1)", [1]],
      ['0', []],
      ['NULL', []],
      ['id = 1 OR 1 = 1 /* all */', [1, 2, 3]],
      ['rowid = 2', [2]],
    ]
    for (const [where, ids] of CONDITIONS) {
      for (const salvage of [false, true]) {
        const result = succeeded(await place.export({ where: { USERS: where }, tables: ['users'], salvage }))
        expect(
          tablesIn(result.exportPath)['users']?.map(({ id }) => id),
          where,
        ).toEqual(ids)
        expect(readFileSync(result.exportPath, 'utf8')).not.toContain('secret-of')
      }
    }
  })

  test('that cannot be computed for a row says so, and is not called damage', async () => {
    const place = new Place()
    const { message } = await place.refused('INVALID_ARGUMENT', {
      where: { users: 'abs(-9223372036854775807 - id) > 1' },
    })
    expect(message).toMatch(/integer overflow/)
  })
})

describe('a place to write to', () => {
  test('that is taken is refused, and replaced by force', async () => {
    const place = new Place()
    succeeded(await place.export({ output: place.output }))
    const first = readFileSync(place.output, 'utf8')
    const { hint } = await place.refused('INVALID_ARGUMENT', { output: place.output })
    expect(hint).toMatch(/force/)
    expect(readFileSync(place.output, 'utf8')).toBe(first)
    succeeded(await place.export({ output: place.output, tables: ['orders'], force: true }))
    expect(Object.keys(tablesIn(place.output))).toEqual(['orders'])
    expect(readdirSync(dirname(place.output))).toEqual(['export.json'])
  })

  test('that is a directory of an export is replaced by force as a whole', async () => {
    const place = new Place()
    const output = join(place.directory, 'out', 'csv')
    for (const compress of [undefined, 'gzip'] as const) {
      const more = compress === undefined ? {} : { compress }
      succeeded(await place.export({ output, format: 'csv', force: true, ...more }))
      await place.refused('INVALID_ARGUMENT', { output, format: 'csv' })
      succeeded(await place.export({ output, format: 'csv', tables: ['orders'], force: true, ...more }))
      expect(readdirSync(output)).toHaveLength(2)
      expect(readdirSync(dirname(output))).toEqual(['csv'])
    }
  })

  test('that is an empty directory is replaced by force', async () => {
    const place = new Place()
    const output = join(place.directory, 'out', 'csv')
    mkdirSync(output, { recursive: true })
    succeeded(await place.export({ output, format: 'csv', force: true }))
    expect(readdirSync(output)).toHaveLength(3)
  })

  test('that somebody else takes in the meantime is left to them', async () => {
    const place = new Place()
    const onProgress = ({ step }: Progress): void => {
      if (step === 'publish-export') writeFileSync(place.output, 'theirs')
    }
    const database = protect(place.path, { engine: 'here' })
    failedWith('INVALID_ARGUMENT', await database.exportData({ output: place.output, onProgress }))
    expect(readFileSync(place.output, 'utf8')).toBe('theirs')
    expect(readdirSync(dirname(place.output))).toEqual(['export.json'])
  })

  test('that is something else than an export is never removed, not even by force', async () => {
    const place = new Place()
    const directory = join(place.directory, 'precious')
    mkdirSync(join(directory, 'below'), { recursive: true })
    writeFileSync(join(directory, 'diary.txt'), 'dear')
    for (const format of ['json', 'csv', 'parquet'] as const)
      await place.refused('INVALID_ARGUMENT', { output: directory, format, force: true })
    await place.refused('INVALID_ARGUMENT', { output: directory, format: 'csv', zip: true, force: true })
    // Not either where something that looks like an export is among it.
    writeFileSync(join(directory, 'schema.json'), '{}')
    await place.refused('INVALID_ARGUMENT', { output: directory, format: 'csv', force: true })
    expect(readFileSync(join(directory, 'diary.txt'), 'utf8')).toBe('dear')
    await place.refused('INVALID_ARGUMENT', { output: place.directory, force: true })
  })

  test('that is a link is replaced itself, and not what it leads to', async () => {
    const place = new Place()
    const precious = join(place.directory, 'precious.txt')
    const link = join(place.directory, 'link.json')
    writeFileSync(precious, 'dear')
    symlinkSync(precious, link)
    await place.refused('INVALID_ARGUMENT', { output: link })
    succeeded(await place.export({ output: link, force: true }))
    expect(readFileSync(precious, 'utf8')).toBe('dear')
    expect(statSync(link).isFile()).toBe(true)
    const dangling = join(place.directory, 'dangling.json')
    symlinkSync(join(place.directory, 'nowhere'), dangling)
    await place.refused('INVALID_ARGUMENT', { output: dangling })
    expect(existsSync(join(place.directory, 'nowhere'))).toBe(false)
  })

  test('in a directory that is not there is made', async () => {
    const place = new Place()
    const output = join(place.directory, 'a', 'b', 'c', 'export.json')
    succeeded(await place.export({ output }))
    expect(existsSync(output)).toBe(true)
  })

  test('below a file is refused', async () => {
    const place = new Place()
    const failure = await place.refused('IO_FAILED', { output: join(place.path, 'export.json') })
    expect(failure.message).toContain(place.path)
  })

  test('of the database itself, or of its side files, is never written', async () => {
    const place = new Place()
    const before = readFileSync(place.path)
    await place.refused('INVALID_ARGUMENT', { output: place.path })
    for (const output of [place.path, `${place.path}-wal`, `${place.path}-journal`, `${place.path}-shm`])
      await place.refused('INVALID_ARGUMENT', { output, force: true })
    expect(readFileSync(place.path)).toEqual(before)
  })

  test('in a name that is too long is refused', async () => {
    const place = new Place()
    await place.refused('IO_FAILED', { output: join(place.directory, 'x'.repeat(300)) })
  })

  testWith(['mkfifo'], 'that is a FIFO or a device is left as it is', async () => {
    const place = new Place()
    const fifo = join(place.directory, 'fifo')
    run('mkfifo', [fifo])
    for (const output of [fifo, '/dev/null']) {
      await place.refused('INVALID_ARGUMENT', { output })
      await place.refused('INVALID_ARGUMENT', { output, force: true })
    }
    expect(statSync(fifo).isFIFO()).toBe(true)
    expect(statSync('/dev/null').isCharacterDevice()).toBe(true)
  })

  testWith(['linux'], 'in a directory that may not be written is refused, as is a read-only one', () => {
    const place = new Place()
    const closed = join(place.directory, 'closed')
    mkdirSync(closed)
    chmodSync(closed, 0o555)
    const options = { path: place.path, backupDir: join(place.directory, 'backups') }
    const [refused] = callElsewhere(options, [['exportData', { output: join(closed, 'export.json') }]], {
      under: UNPRIVILEGED,
    })
    failedWith('PERMISSION_DENIED', refused as Failure)
    expect(readdirSync(closed)).toEqual([])
  })

  testWith(['root', 'unshare'], 'on a read-only file system is refused', () => {
    const place = new Place()
    const sealed = join(place.directory, 'sealed')
    mkdirSync(sealed)
    const options = { path: place.path, backupDir: join(place.directory, 'backups') }
    const [refused] = callElsewhere(options, [['exportData', { output: join(sealed, 'export.json') }]], {
      under: withReadOnly(sealed),
    })
    failedWith('READ_ONLY', refused as Failure)
    expect(readdirSync(sealed)).toEqual([])
  })
})

test('the CLI says what is wrong with exit 2, and makes nothing', async () => {
  const place = new Place()
  const REFUSED: readonly (readonly string[])[] = [
    ['--format', 'xml'],
    ['--tables', 'nobody'],
    ['--where', 'users'],
    ['--where', 'users=1) UNION ALL SELECT 1 --'],
    ['--redact', 'users.name=encrypt'],
    ['--redact', 'users.nothing=mask'],
    ['--output', '-', '--format', 'csv'],
    ['--zip'],
  ]
  for (const args of REFUSED) {
    const { exit, stdout, stderr } = await runCli([
      'export',
      '--path',
      place.path,
      '--backup-dir',
      join(place.directory, 'backups'),
      ...args,
    ])
    expect(exit, args.join(' ')).toBe(2)
    expect(stdout).toBe('')
    expect(stderr).toMatch(/^Error: /)
    expect(stderr).not.toMatch(/\n\s+at /)
  }
  expect(filesBelow(join(place.directory, 'backups')).filter(name => name !== 'exports')).toEqual([])
})
