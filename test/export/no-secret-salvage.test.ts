/** What is salvaged of a damaged database has no secret in it either, whatever of it the damage takes away. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { ExportDataRequest } from '../../src/index.ts'
import { isFull } from '../faults/extent.ts'
import { protect, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { damage, PAGE_BYTES } from './damage.ts'
import { allBytes, readExport } from './export-bytes.ts'
import { makeSecretDatabase } from './secret-database.ts'
import { type Needle, secretsIn } from './secrets.ts'

const FORMATS = ['json', 'ndjson', 'csv', 'sql'] as const
/** In each of them another share of the pages is damaged, so that every page but the first is in one. */
const ROUNDS = Array.from({ length: 24 }, (_, round) => [round, FORMATS[round % 4] ?? 'json'] as const)

class Damaged {
  readonly path: string = join(temporaryDirectory(), 'secrets.db')
  readonly needles: readonly Needle[] = makeSecretDatabase(this.path)

  constructor(round: number) {
    const count = readFileSync(this.path).length / PAGE_BYTES
    const pages = Array.from({ length: count - 1 }, (_, index) => index + 2)
    damage(
      this.path,
      pages.filter(page => page % ROUNDS.length === round),
    )
  }

  /** What of the secrets is in what can be read of it. */
  async found(request: ExportDataRequest): Promise<readonly string[]> {
    const database = protect(this.path, { engine: 'here' })
    const exported = succeeded(await database.exportData({ ...request, salvage: true }))
    const bytes = allBytes(await readExport(exported.exportPath))
    return secretsIn(Buffer.concat([bytes, Buffer.from(JSON.stringify(exported))]), this.needles)
  }
}

test.each(isFull ? ROUNDS : ROUNDS.slice(8, 8 + FORMATS.length))(
  'damage to some pages leaves no secret in what is salvaged (share %i, as %s)',
  async (round, format) => {
    const damaged = new Damaged(round)
    expect(await damaged.found({ format })).toEqual([])
    // Otherwise nothing would be proven.
    expect((await damaged.found({ format, includeSensitive: true })).length).toBeGreaterThan(0)
  },
)
