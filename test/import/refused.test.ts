import { existsSync, mkdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { buildDatabase } from '../support/databases.ts'
import { failedWith } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow } from '../support/temporary.ts'
import { type Content, csvFiles, jsonText, ndjsonText, readContent, writeFiles } from './build-export.ts'
import { Place } from './place.ts'
import { zipOf } from './zip.ts'

const SQL = `CREATE TABLE t (id INTEGER PRIMARY KEY, a, b); INSERT INTO t (a, b) VALUES (1, 'x'), (2.5, x'00ff'), (NULL, 'y"z');
  CREATE TABLE u (k TEXT PRIMARY KEY); INSERT INTO u VALUES ('only'); CREATE INDEX i ON t (a); CREATE VIEW v AS SELECT 1`

function contentOf(place: Place): Content {
  buildDatabase(place.source, SQL)
  return readContent(place.source)
}

describe('an export that was cut off is refused', () => {
  test('at any byte of json', async () => {
    const text = jsonText(contentOf(new Place())).trimEnd()
    for (let length = 0; length < text.length; length += 37) {
      const place = new Place()
      await place.refused('EXPORT_INVALID', place.file('x.json', text.slice(0, length)))
    }
  })

  test('at any line of ndjson, and within one', async () => {
    const lines = ndjsonText(contentOf(new Place())).trimEnd().split('\n')
    for (let count = 0; count < lines.length; count++) {
      for (const rest of ['', (lines[count] ?? '').slice(0, 9), (lines[count] ?? '').slice(0, -1)]) {
        const place = new Place()
        const text = [...lines.slice(0, count), rest].join('\n')
        await place.refused('EXPORT_INVALID', place.file('x.ndjson', text), { format: 'ndjson' })
      }
    }
  })

  test('in any file of csv', async () => {
    const files = csvFiles(contentOf(new Place()))
    for (const [name, text] of files) {
      for (let length = 0; length < text.length - 2; length += 11) {
        const place = new Place()
        const from = join(place.directory, 'export')
        writeFiles(from, new Map([...files, [name, text.slice(0, length)]]))
        await place.refused('EXPORT_INVALID', from)
      }
      const place = new Place()
      const from = join(place.directory, 'export')
      writeFiles(from, files)
      unlinkSync(join(from, name))
      expect(await place.refused('EXPORT_INVALID', from)).toMatch(/missing|there is no/)
    }
  })

  test('when it is compressed, or in a ZIP', async () => {
    const content = contentOf(new Place())
    const zip = await zipOf(csvFiles(content))
    for (const whole of [gzipSync(jsonText(content)), zip]) {
      for (const length of [5, 20, whole.length >> 1, whole.length - 30]) {
        const place = new Place()
        await place.refused('EXPORT_INVALID', place.file('x', whole.subarray(0, length)))
      }
    }
  })
})

test('a damaged ZIP is refused by its checksums', async () => {
  const place = new Place()
  const zip = await zipOf(csvFiles(contentOf(place)))
  let refused = 0
  for (let at = 0; at < 400; at += 13) {
    const bytes = Buffer.from(zip)
    bytes[at] = (bytes[at] ?? 0) ^ 0x55
    const other = new Place()
    const result = await other.import(other.file('x.zip', bytes))
    if (result.success) continue
    refused++
    expect(result.code).toBe('EXPORT_INVALID')
    expect(existsSync(other.target)).toBe(false)
  }
  expect(refused).toBeGreaterThan(10)
})

type Change = (text: string) => string
const replace =
  (from: string | RegExp, to: string): Change =>
  text => {
    const changed = text.replace(from, () => to)
    if (changed === text) throw new Error(`there is no ${String(from)}`)
    return changed
  }

const BAD: readonly (readonly [what: string, change: Change, says: RegExp])[] = [
  ['another version', replace('"version":1', '"version":2'), /version 2/],
  ['no metadata', replace('"metadata"', '"metadate"'), /metadat/],
  ['another format', replace(/"format":"\w+"/, '"format":"parquet"'), /parquet/],
  ['a page size that is none', replace('"page_size":4096', '"page_size":4097'), /page_size/],
  ['an encoding that is none', replace('UTF-8', 'UTF-9; DROP'), /encoding/],
  [
    'an object with two statements',
    replace('CREATE VIEW v AS SELECT 1', "CREATE VIEW v AS SELECT 1; ATTACH 'x' AS y"),
    /something else/,
  ],
  [
    'an object that is another',
    replace('CREATE VIEW v AS SELECT 1', 'CREATE VIEW w AS SELECT 1'),
    /something else/,
  ],
  [
    'an object of another kind',
    replace('CREATE VIEW v AS SELECT 1', "ATTACH '/tmp/evil.db' AS e"),
    /not authorized|something else/,
  ],
  [
    'a pragma for an object',
    replace('CREATE VIEW v AS SELECT 1', 'PRAGMA journal_mode = OFF'),
    /not authorized|something else/,
  ],
  [
    'a query for an object',
    replace('CREATE VIEW v AS SELECT 1', "SELECT load_extension('x')"),
    /not authorized|unsafe|something else/,
  ],
  ['no statement for an object', replace('CREATE VIEW v AS SELECT 1', '-- nothing'), /./],
  [
    'a broken statement',
    replace('CREATE TABLE u (k TEXT PRIMARY KEY)', 'CREATE TABLE u (k TEXT PRIMARY'),
    /incomplete input.*|table "u"/,
  ],
  [
    'a temporary object',
    replace('CREATE VIEW v AS SELECT 1', 'CREATE TEMP VIEW v AS SELECT 1'),
    /not authorized|something else/,
  ],
  [
    'a table of a query',
    replace('CREATE TABLE u (k TEXT PRIMARY KEY)', 'CREATE TABLE u AS SELECT 1 AS k'),
    /not authorized/,
  ],
  [
    'a statement that loads',
    replace(
      'CREATE TABLE u (k TEXT PRIMARY KEY)',
      "CREATE TABLE u (k TEXT PRIMARY KEY CHECK (load_extension('x')))",
    ),
    /not authorized|unsafe/,
  ],
  ['a table of SQLite', replace('"name":"u","table":"u"', '"name":"sqlite_u","table":"u"'), /SQLite's own/],
  ['an object twice', replace('"type":"view","name":"v"', '"type":"view","name":"U"'), /two called/],
  [
    'a table that nothing makes',
    replace('"name":"u","kind":"ordinary"', '"name":"w","kind":"ordinary"'),
    /no statement makes it/,
  ],
  [
    'an internal table of another name',
    replace('"name":"u","kind":"ordinary"', '"name":"sqlite_schema","kind":"internal"'),
    /no statement makes it/,
  ],
  ['a column that is not there', replace('"columns":["k"]', '"columns":["z"]'), /./],
  ['a column twice', replace('"columns":["id","a","b"]', '"columns":["id","a","A"]'), /one name/],
  ['a rowid of another name', replace('"rowid":null', '"rowid":"id\\""'), /rowid/],
  ['a statement with NUL', replace('CREATE VIEW v AS SELECT 1', 'CREATE VIEW v AS SELECT 1\\u0000'), /NUL/],
  [
    'a virtual table that is two',
    replace(
      'CREATE VIEW v AS SELECT 1"',
      'CREATE VIEW v AS SELECT 1"},{"type":"table","name":"f","table":"f","sql":"CREATE VIRTUAL TABLE f USING fts5(a); SELECT 1"',
    ),
    /something else/,
  ],
  [
    'a virtual table of another name',
    replace(
      'CREATE VIEW v AS SELECT 1"',
      'CREATE VIEW v AS SELECT 1"},{"type":"table","name":"f","table":"f","sql":"CREATE VIRTUAL TABLE t USING fts5(a)"',
    ),
    /something else/,
  ],
  ['more rows told of', replace('"rows":4,', '"rows":5,'), /tells of 5/],
  ['fewer rows told of', replace('"t":3', '"t":2'), /"t" has 3 rows/],
  ['a table that is not told of', replace('"u":1', '"w":1'), /in only one/],
]

describe.each(BAD)('an export with %s is refused', (_, change, says) => {
  test('as json, ndjson and csv', async () => {
    const content = contentOf(new Place())
    for (const text of [jsonText(content), ndjsonText(content)]) {
      const place = new Place()
      expect(await place.refused('EXPORT_INVALID', place.file('x', change(text)))).toMatch(says)
    }
    const place = new Place()
    const files = csvFiles(content)
    const from = join(place.directory, 'export')
    writeFiles(from, new Map([...files, ['schema.json', change(files.get('schema.json') ?? '')]]))
    expect(await place.refused('EXPORT_INVALID', from)).toMatch(says)
  })
})

test.each([
  ['a row twice', replace('"id":2', '"id":1'), /UNIQUE/],
  ['a column twice', replace('"a":1,"b"', '"a":1,"a"'), /twice/],
  ['a column too few', replace('"a":1,', ''), /"a" is missing/],
  ['a column too many', replace('"a":1,', '"a":1,"c":2,'), /no column "c"/],
  ['a prototype', replace('"a":1,', '"__proto__":1,'), /no column "__proto__"/],
  ['true', replace('"a":1,', '"a":true,'), /expected a value/],
  ['an array', replace('"a":1,', '"a":[1],'), /expected a value/],
  ['an object of another kind', replace('"a":1,', '"a":{"$date":"1"},'), /no value of the kind/],
  ['an integer that is none', replace('"a":1,', '"a":{"$integer":"1.5"},'), /no value/],
  ['an integer beyond all', replace('"a":1,', '"a":9223372036854775808,'), /beyond/],
  ['a blob that is none', replace('AP8=', 'AP8'), /no value/],
  ['a number that is none', replace('"a":1,', '"a":1.,'), /expected a value/],
  ['a leading zero', replace('"a":1,', '"a":01,'), /expected a value/],
  ['half a surrogate pair', replace('"b":"x"', '"b":"\\ud83d"'), /surrogate/],
  ['a wrong escape', replace('"b":"x"', '"b":"\\x"'), /not a JSON string/],
  ['nothing between values', replace('"a":1,', '"a":1 '), /expected/],
  [
    'deep nesting',
    replace('"a":1,', `"a":${'['.repeat(100_000)}${']'.repeat(100_000)},`),
    /too deeply|expected a value/,
  ],
])('a row with %s is refused, with where it is', async (_, change, says) => {
  const content = contentOf(new Place())
  for (const [text, where] of [
    [jsonText(content), /table "t", row \d|byte \d+/],
    [ndjsonText(content), /line \d/],
  ] as const) {
    const place = new Place()
    const message = await place.refused('EXPORT_INVALID', place.file('x', change(text)))
    expect(message).toMatch(says)
    expect(message).toMatch(where)
  }
})

test.each(['IGNORE', 'REPLACE'])('a row that ON CONFLICT %s would lose is refused', async way => {
  const place = new Place()
  buildDatabase(
    place.source,
    `CREATE TABLE t (a UNIQUE ON CONFLICT ${way}); INSERT INTO t VALUES ('one'), ('two')`,
  )
  const twice = replace('"two"', '"one"')(jsonText(readContent(place.source)))
  expect(await place.refused('EXPORT_INVALID', place.file('x', twice))).toContain('UNIQUE')
})

test.each([
  ['a field too many', replace('1,1,"x"', '1,1,"x",2'), /4 fields instead of 3/],
  ['a field too few', replace('1,1,"x"', '1,1'), /2 fields instead of 3/],
  ['text without quotes', replace('1,1,"x"', '1,1,x'), /not quoted/],
  ['something behind a quote', replace('1,1,"x"', '1,1,"x"y'), /follows a quoted field/],
  ['half a blob', replace("X'00FF'", "X'00F'"), /not quoted/],
  ['another header', replace('"a"', '"c"'), /header/],
  ['an integer beyond all', replace('1,1,"x"', '1,9223372036854775808,"x"'), /beyond/],
])('a CSV file with %s is refused, with its line', async (_, change, says) => {
  const place = new Place()
  const files = csvFiles(contentOf(place))
  const from = join(place.directory, 'export')
  writeFiles(from, new Map([...files, ['table-0.csv', change(files.get('table-0.csv') ?? '')]]))
  const message = await place.refused('EXPORT_INVALID', from)
  expect(message).toMatch(says)
  expect(message).toMatch(/table-0\.csv, line \d/)
})

test.each(['../secret.csv', '/etc/passwd', 'a/b.csv', '..', '', 'x\\\\y'])(
  'a CSV export whose table is in the file %j is not followed there',
  async file => {
    const place = new Place()
    const files = csvFiles(contentOf(place))
    place.file('secret.csv', files.get('table-1.csv') ?? '')
    const from = join(place.directory, 'export')
    writeFiles(from, files)
    writeFileSync(join(from, 'schema.json'), (files.get('schema.json') ?? '').replace('table-1.csv', file))
    expect(await place.refused('EXPORT_INVALID', from)).toContain('no name of a file')
  },
)

test('a CSV export does not lead elsewhere by a link either', async () => {
  const place = new Place()
  const files = csvFiles(contentOf(place))
  const from = join(place.directory, 'export')
  writeFiles(from, files)
  unlinkSync(join(from, 'table-1.csv'))
  symlinkSync(place.file('secret.csv', files.get('table-1.csv') ?? ''), join(from, 'table-1.csv'))
  const failure = await place.import(from)
  expect(failure.success).toBe(false)
  expect(existsSync(place.target)).toBe(false)
})

test('what is no export is refused with what it is', async () => {
  for (const [content, says] of [
    ['', /empty/],
    ['hello', /begins with "hello"/],
    ['PAR1xxxx', /parquet/],
    ['id,name\r\n1,"x"\r\n', /begins with/],
    ['[1]', /begins with/],
    ['{"a":1}', /./],
    [Buffer.from([0xff, 0xfe, 0x7b]), /begins with/],
  ] as const) {
    const place = new Place()
    expect(await place.refused('EXPORT_INVALID', place.file('x', Buffer.from(content)))).toMatch(says)
  }
  const place = new Place()
  buildDatabase(place.source, SQL)
  expect(await place.refused('EXPORT_INVALID', place.source)).toContain('SQLite database')
  expect(await place.refused('EXPORT_NOT_FOUND', join(place.directory, 'gone.json'))).toContain('gone.json')
  expect(await place.refused('IO_FAILED', join(place.directory, 'x'.repeat(300)))).toContain('ENAMETOOLONG')
  expect(await place.refused('EXPORT_INVALID', place.file('x.csv', 'a\r\n'), { format: 'csv' })).toContain(
    'schema.json',
  )
})

testWith(['mkfifo'], 'a FIFO is not waited for', async () => {
  const place = new Place()
  const fifo = join(place.directory, 'fifo')
  run('mkfifo', [fifo])
  expect(await place.refused('EXPORT_INVALID', fifo)).toContain('no file')
})

test.each(['', '-wal', '-shm', '-journal'])('nothing is overwritten: not %j of the target', async suffix => {
  const place = new Place()
  const from = place.file('x.json', jsonText(contentOf(place)))
  mkdirSync(join(place.directory, 'out'))
  writeFileSync(`${place.target}${suffix}`, 'precious')
  const { message, hint } = failedWith('TARGET_INVALID', await place.import(from))
  expect(message).toContain(`${place.target}${suffix}`)
  expect(hint).toContain('another path')
  expect(filesBelow(join(place.directory, 'out'))).toEqual([`new.db${suffix}`])
})

test('nor is a directory', async () => {
  const place = new Place()
  const from = place.file('x.json', jsonText(contentOf(place)))
  mkdirSync(place.target, { recursive: true })
  const { message } = failedWith('TARGET_INVALID', await place.import(from))
  expect(message).toContain('A directory is there already')
})

test('a database that appears during the import is left alone', async () => {
  const place = new Place()
  const from = place.file('x.json', jsonText(contentOf(place)))
  const onProgress = ({ step }: { readonly step: string }): void => {
    if (step === 'publish-import') writeFileSync(place.target, 'precious')
  }
  failedWith('TARGET_INVALID', await place.import(from, { onProgress }))
  expect(filesBelow(join(place.directory, 'out'))).toEqual(['new.db'])
})
