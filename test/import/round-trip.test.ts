import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { protect, succeeded } from '../support/product.ts'
import { expectEqualDatabases } from './equality.ts'
import { Place } from './place.ts'
import { buildSource, SOURCES } from './sources.ts'

describe.each(['json', 'ndjson', 'csv', 'sql'] as const)('an export as %s, imported again,', format => {
  test.each(SOURCES)('is the same database: $name', async source => {
    const place = new Place()
    buildSource(place.source, source)
    const exported = succeeded(
      await protect(place.source, { engine: 'here' }).exportData({ format, includeSensitive: true }),
    )
    const imported = await place.imported(exported.exportPath)
    expect(imported).toMatchObject({ format, sensitive: true, rows: exported.rows, notes: [] })
    expectEqualDatabases(place.source, place.target)
    expect(place.target).toBe(join(place.directory, 'out', 'new.db'))
  })
})
