/** Which anchors a cleanup takes away, and what else it does not. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { anchorKey, anchorTime, type AuditAnchor, parseAnchorKey } from '../../src/audit/anchor.ts'
import { anchorsToDelete } from '../../src/audit/thin-anchors.ts'
import type { AuditEntry } from '../../src/index.ts'
import { BackupError } from '../../src/errors.ts'
import { cleanupBackups } from '../../src/operations/cleanup-backups.ts'
import { openConfigured } from '../../src/operations/open-configured.ts'
import type { Target } from '../../src/storage/target.ts'
import { local, type Place } from '../off-site/place.ts'
import { contextOf } from '../support/operation.ts'
import { succeeded } from '../support/product.ts'
import { anchored, anchorsAt, linesOf, verified, writeLog } from './anchor-place.ts'

const NOW = new Date('2026-06-27T12:00:00Z')

function anchor(seq: number, time: string): AuditAnchor {
  return { log: 'a'.repeat(16), seq, hash: 'b'.repeat(64), place: 'c'.repeat(16), time }
}

test.for([
  ['none', [], []],
  ['the only one, however old', [anchor(1, '2020-01-01T00:00:00Z')], []],
  [
    'all but the newest of each day',
    [
      anchor(1, '2026-06-25T02:00:00Z'),
      anchor(2, '2026-06-25T23:59:59Z'),
      anchor(3, '2026-06-26T00:00:00Z'),
      anchor(4, '2026-06-27T02:00:00Z'),
      anchor(5, '2026-06-27T03:00:00Z'),
    ],
    [4, 1],
  ],
  [
    'those that are older than a year, but for the newest',
    [anchor(1, '2025-06-27T01:59:59Z'), anchor(2, '2025-06-28T02:00:00Z'), anchor(3, '2026-06-27T02:00:00Z')],
    [1],
  ],
  [
    'no more where the clock is years ahead',
    [anchor(1, '2024-06-26T02:00:00Z'), anchor(2, '2024-06-27T02:00:00Z')],
    [],
  ],
  [
    'no more where it was years ahead when the newest was put',
    [anchor(1, '2026-06-26T02:00:00Z'), anchor(2, '2032-06-27T02:00:00Z')],
    [],
  ],
  [
    'by number, where two were put in a second',
    [anchor(2, '2026-06-27T02:00:00Z'), anchor(1, '2026-06-27T02:00:00Z'), anchor(2, '2026-06-27T01:00:00Z')],
    [2, 1],
  ],
] as const)('a cleanup takes %s', ([, anchors, gone]) => {
  expect(anchorsToDelete(anchors, NOW).map(({ seq }) => seq)).toEqual(gone)
})

const DAY_MS = 86_400_000
/** One noon for all of a test, whatever the time. */
const NOON = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS / 2

/** Puts an anchor of a line that is there, as it would have been put so many days ago. */
function putOld(place: Place, seq: number, daysAgo: number, more: Partial<AuditAnchor> = {}): string {
  const [first = ''] = anchorsAt(place)
  const { hash } = JSON.parse(linesOf(place)[seq - 1] ?? '') as AuditEntry
  const time = anchorTime(new Date(NOON - daysAgo * DAY_MS))
  const key = anchorKey({ ...(parseAnchorKey(first) as AuditAnchor), seq, hash, time, ...more })
  writeFileSync(place.path('far', key), '{}')
  return key
}

async function cleanUp(place: Place, dryRun = false): Promise<void> {
  succeeded(await place.database().cleanupOldBackups({ target: 'far', dryRun }))
}

test('a cleanup leaves of the anchors of this log what is needed, and all else that lies there', async () => {
  const place = await anchored()
  const [older = '', newest = ''] = anchorsAt(place)
  const old = [putOld(place, 1, 400), putOld(place, 2, 100), putOld(place, 1, 100)]
  const foreign = { log: 'd'.repeat(16), place: 'e'.repeat(16), hash: 'f'.repeat(64) }
  const kept = [
    putOld(place, 1, 500, foreign),
    putOld(place, 2, 500, foreign),
    'audit-anchors/notes.txt',
    'audit-anchors/more',
  ]
  writeFileSync(place.path('far', 'audit-anchors', 'notes.txt'), 'mine')
  mkdirSync(place.path('far', 'audit-anchors', 'more'))
  rmSync(place.path('far', older))
  await cleanUp(place, true)
  expect(anchorsAt(place)).toHaveLength(8)
  await cleanUp(place)
  expect(anchorsAt(place)).toEqual([...kept, old[1] ?? '', newest].toSorted())
  expect(await verified(place, ['far'])).toMatchObject({
    status: 'intact',
    anchors: [{ agreeing: 2, others: 2 }],
  })
})

test('while the log and an anchor contradict each other none is taken away', async () => {
  for (const tamper of [
    (lines: readonly string[]) => lines.slice(0, 4),
    (lines: readonly string[]) => lines.toSpliced(1, 1),
  ]) {
    const place = await anchored()
    putOld(place, 1, 400)
    putOld(place, 1, 401)
    const before = anchorsAt(place)
    writeLog(place, tamper(linesOf(place)))
    await cleanUp(place)
    expect(anchorsAt(place)).toEqual(before)
  }
})

test.for(['list', 'delete'] as const)(
  'a target that refuses to %s anchors makes no cleanup fail',
  async call => {
    const place = await anchored()
    putOld(place, 1, 400)
    const before = anchorsAt(place)
    const config = { targets: { far: local('far') } }
    const context = contextOf({ path: place.databasePath, config })
    const refuse = (of: string, key: string): void => {
      if (of === call && key.startsWith('audit-anchors/')) throw new BackupError('TARGET_REFUSED', 'no')
    }
    const openTarget = async (name: string): Promise<Target> => {
      const target = await openConfigured(context.settings, name, {})
      return {
        ...target,
        async *list(prefix, options) {
          refuse('list', prefix)
          yield* target.list(prefix, options)
        },
        async delete(key, options) {
          refuse('delete', key)
          await target.delete(key, options)
        },
      }
    }
    const cleaned = await cleanupBackups({ target: 'far' }, { ...context, openTarget })
    expect(cleaned).toMatchObject({ status: 'done', targets: [{ status: 'done', failure: null }] })
    expect(anchorsAt(place)).toEqual(before)
  },
)
