import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { protect, succeeded } from '../support/product.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { csvFiles, jsonText, ndjsonText, readContent, writeFiles } from './build-export.ts'
import { expectEqualDatabases } from './equality.ts'
import { buildSource, SOURCES } from './sources.ts'
import { zipOf } from './zip.ts'

interface Place {
  readonly directory: string
  readonly source: string
  readonly target: string
}

function openPlace(): Place {
  const directory = temporaryDirectory()
  return { directory, source: join(directory, 'source.db'), target: join(directory, 'out', 'new.db') }
}

async function expectRoundTrip(place: Place, from: string, format: string): Promise<void> {
  const { source, target } = place
  const imported = succeeded(await protect(source, { engine: 'here' }).importData({ from, to: target }))
  expect(imported).toMatchObject({
    databasePath: target,
    format,
    notes: [],
    redacted: [],
    lost: [],
    sensitive: true,
  })
  expectEqualDatabases(source, target)
  const rows = [...readContent(source).rows].map(([name, list]): [string, number] => [name, list.length])
  expect(imported.tables).toEqual(Object.fromEntries(rows))
  expect(imported.rows).toBe(rows.reduce((sum, [, count]) => sum + count, 0))
  expect(imported.bytes).toBe(statSync(target).size)
  expect(statSync(target).mode & 0o777).toBe(0o600)
  expect(filesBelow(join(place.directory, 'out'))).toEqual(['new.db'])
}

describe.each(SOURCES)('a database with $name comes back as it was', source => {
  test('from json', async () => {
    const place = openPlace()
    buildSource(place.source, source)
    const from = join(place.directory, 'export.json')
    writeFileSync(from, jsonText(readContent(place.source)))
    await expectRoundTrip(place, from, 'json')
  })

  test('from ndjson', async () => {
    const place = openPlace()
    buildSource(place.source, source)
    const from = join(place.directory, 'export.ndjson')
    writeFileSync(from, ndjsonText(readContent(place.source)))
    await expectRoundTrip(place, from, 'ndjson')
  })

  test('from csv', async () => {
    const place = openPlace()
    buildSource(place.source, source)
    const from = join(place.directory, 'export')
    writeFiles(from, csvFiles(readContent(place.source)))
    await expectRoundTrip(place, from, 'csv')
  })
})

describe.each([
  { delimiter: ';', null: 'NULL', excel_safe: true },
  { delimiter: '\t', null: '\\N', excel_safe: false },
  { delimiter: '😀', null: '', excel_safe: true },
])('CSV with %j', dialect => {
  test.each(SOURCES)('comes back as it was: $name', async source => {
    const place = openPlace()
    buildSource(place.source, source)
    const from = join(place.directory, 'export')
    writeFiles(from, csvFiles(readContent(place.source), dialect))
    await expectRoundTrip(place, from, 'csv')
  })
})

describe('compressed', () => {
  const source = SOURCES[0] ?? { name: '', sql: '' }
  for (const [ending, compress] of [
    ['gz', gzipSync],
    ['zst', zstdCompressSync],
  ] as const) {
    test(`json and ndjson are read behind .${ending}, and under any name`, async () => {
      for (const name of [`export.json.${ending}`, `export.ndjson.${ending}`, 'renamed']) {
        const place = openPlace()
        buildSource(place.source, source)
        const content = readContent(place.source)
        const isJson = !name.includes('ndjson')
        const from = join(place.directory, name)
        writeFileSync(from, compress(isJson ? jsonText(content) : ndjsonText(content)))
        await expectRoundTrip(place, from, isJson ? 'json' : 'ndjson')
      }
    })

    test(`the files of a CSV export are read behind .${ending}`, async () => {
      const place = openPlace()
      buildSource(place.source, source)
      const from = join(place.directory, 'export')
      mkdirSync(from)
      for (const [name, text] of csvFiles(readContent(place.source))) {
        const plain = name === 'schema.json' && ending === 'gz'
        writeFileSync(join(from, plain ? name : `${name}.${ending}`), plain ? text : compress(text))
      }
      await expectRoundTrip(place, from, 'csv')
    })
  }

  test.each(['', 'packed/'])('a ZIP of CSV is read where it lies (with everything in "%s")', async prefix => {
    const place = openPlace()
    buildSource(place.source, source)
    const files = csvFiles(readContent(place.source))
    const from = join(place.directory, 'export.zip')
    writeFileSync(from, await zipOf(new Map([...files].map(([name, text]) => [prefix + name, text]))))
    await expectRoundTrip(place, from, 'csv')
  })
})

describe('laid out anew by another tool', () => {
  const indented = (text: string): string =>
    // JSON.parse would lose 1.0: so only space is added, where no string is.
    text.replaceAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/g, token =>
      token.length === 1 ? `\n\t ${token}\r\n` : token,
    )

  test('json is read with any space, and with a byte order mark', async () => {
    for (const source of SOURCES) {
      const place = openPlace()
      buildSource(place.source, source)
      const from = join(place.directory, 'export.json')
      writeFileSync(from, `\ufeff${indented(jsonText(readContent(place.source)))}`)
      await expectRoundTrip(place, from, 'json')
    }
  })

  test('json is read from one line', async () => {
    const place = openPlace()
    buildSource(place.source, SOURCES[6] ?? { name: '', sql: '' })
    const from = join(place.directory, 'export.json')
    writeFileSync(from, jsonText(readContent(place.source)).replaceAll('\n', ''))
    await expectRoundTrip(place, from, 'json')
  })

  test('ndjson is read with its keys in another order, with space, and with CRLF', async () => {
    for (const source of SOURCES) {
      const place = openPlace()
      buildSource(place.source, source)
      const from = join(place.directory, 'export.ndjson')
      const lines = ndjsonText(readContent(place.source)).split('\n')
      const turned = lines.map(line =>
        line.replace(
          /^\{("table":"(?:[^"\\]|\\.)*"),("row":.*)\}$/s,
          (_, table: string, row: string) => ` { ${row} ,\t${table} } `,
        ),
      )
      writeFileSync(from, turned.join('\r\n'))
      await expectRoundTrip(place, from, 'ndjson')
    }
  })
})
