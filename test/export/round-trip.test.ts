import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, test, vi } from 'vitest'
import type { ExportDataRequest } from '../../src/index.ts'
import { isFull, SEED } from '../faults/extent.ts'
import { testWith } from '../support/requirements.ts'
import { anyDatabase, makeDatabase } from './build-database.ts'
import { expectSameContent, Workplace } from './build-round-trip.ts'

/** Every run starts several processes. */
const RUNS = isFull ? 500 : 20
if (isFull) vi.setConfig({ testTimeout: 3_600_000 })

const compress = fc.constantFrom(undefined, 'zstd', 'gzip')
const csv = fc.record({
  delimiter: fc.constantFrom(',', ';', '\t', '|', '😀'),
  null: fc.constantFrom('', 'NULL', '\\N', '∅'),
  excelSafe: fc.boolean(),
})

const FORMS: readonly [string, fc.Arbitrary<ExportDataRequest>][] = [
  ['json', fc.record({ format: fc.constant('json'), compress, pretty: fc.constant(false) })],
  ['json for people', fc.constant({ format: 'json', pretty: true })],
  ['ndjson', fc.record({ format: fc.constant('ndjson'), compress })],
  ['csv', fc.record({ format: fc.constant('csv'), compress, csv })],
  ['csv in a ZIP', fc.record({ format: fc.constant('csv'), zip: fc.constant(true), csv })],
  ['sql', fc.record({ format: fc.constant('sql'), compress })],
] as readonly [string, fc.Arbitrary<ExportDataRequest>][]

describe.each(FORMS)('any database, exported as %s and imported again,', (name, request) => {
  test('is the same in schema, settings, rowids, and every bit of every value', async () => {
    await fc.assert(
      fc.asyncProperty(anyDatabase, request, async (database, wishes) => {
        using place = new Workplace(name === 'ndjson' ? 'process' : 'here')
        makeDatabase(place.source, database)
        await place.expectSame(wishes)
      }),
      { numRuns: RUNS, seed: SEED },
    )
  })
})

testWith(['sqlite3'], 'any database is the same when sqlite3 loads its SQL', async () => {
  await fc.assert(
    fc.asyncProperty(anyDatabase, async database => {
      using place = new Workplace()
      makeDatabase(place.source, database)
      const { exportPath } = await place.export({ format: 'sql' })
      const { status, stderr } = spawnSync('sqlite3', [place.target], { input: readFileSync(exportPath) })
      expect(String(stderr)).toBe('')
      expect(status).toBe(0)
      expectSameContent(place.source, place.target)
    }),
    { numRuns: RUNS, seed: SEED },
  )
})
