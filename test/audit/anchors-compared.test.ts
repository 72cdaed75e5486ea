/** What the anchors at targets show of an audit log. */
import { cpSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { anchorKey, type AuditAnchor, parseAnchorKey } from '../../src/audit/anchor.ts'
import type { AuditEntry } from '../../src/index.ts'
import { verifyAudit } from '../../src/operations/verify-audit.ts'
import type { StoredObject, Target } from '../../src/storage/target.ts'
import { local, openPlace, type Place } from '../off-site/place.ts'
import { contextOf } from '../support/operation.ts'
import { failedWith } from '../support/product.ts'
import {
  anchored,
  anchorsAt,
  backUp,
  entriesOf,
  linesOf,
  logOf,
  note,
  parsedAt,
  verified,
  writeLog,
  writtenAnew,
} from './anchor-place.ts'

interface Tampering {
  readonly what: string
  readonly act: (place: Place) => unknown
  /** What is found without an anchor, and first with the anchors. */
  readonly alone: string | null
  readonly compared: { readonly code: string; readonly line: number | null; readonly says?: string }
}

const TAMPERINGS: readonly Tampering[] = [
  {
    what: 'a flipped bit',
    act: place =>
      writeLog(place, linesOf(place).with(1, (linesOf(place)[1] ?? '').replace('noted', 'noteD'))),
    alone: 'LINE_CHANGED',
    compared: { code: 'LINE_CHANGED', line: 2 },
  },
  {
    what: 'a dropped line',
    act: place => writeLog(place, linesOf(place).toSpliced(2, 1)),
    alone: 'LINE_MISSING',
    compared: { code: 'LINE_MISSING', line: 3 },
  },
  {
    what: 'two swapped lines',
    act(place) {
      const [a, b, c, ...rest] = linesOf(place)
      writeLog(place, [a ?? '', c ?? '', b ?? '', ...rest])
    },
    alone: 'LINE_REORDERED',
    compared: { code: 'LINE_REORDERED', line: 2 },
  },
  {
    what: 'a tail that was cut off, with the head to fit',
    act: place => writeLog(place, linesOf(place).slice(0, 4)),
    alone: null,
    compared: { code: 'TAIL_MISSING', line: null, says: 'knows of entry 5 since' },
  },
  {
    what: 'all but the first line cut off, with the head to fit',
    act: place => writeLog(place, linesOf(place).slice(0, 1)),
    alone: null,
    compared: { code: 'TAIL_MISSING', line: null, says: 'the log ends with 1: its tail was cut off' },
  },
  {
    what: 'a tail that was cut off and gone on from',
    async act(place) {
      writeLog(place, linesOf(place).slice(0, 4))
      await note(place, 4)
    },
    alone: null,
    compared: { code: 'LOG_REWRITTEN', line: 5, says: 'line 5 is not that one' },
  },
  {
    what: 'a log that was written anew from its second line on',
    act: place => writeLog(place, writtenAnew(linesOf(place), 1)),
    alone: null,
    compared: { code: 'LOG_REWRITTEN', line: 3 },
  },
  {
    what: 'a log that was replaced by another one that fits together',
    act: place => writeLog(place, writtenAnew(linesOf(place), 0)),
    alone: null,
    compared: { code: 'LOG_REPLACED', line: 3, says: 'it was replaced' },
  },
  {
    what: 'a log that was replaced, and anchored since',
    async act(place) {
      writeLog(place, writtenAnew(linesOf(place), 0))
      await backUp(place)
    },
    alone: null,
    compared: { code: 'LOG_REPLACED', line: 3 },
  },
  {
    what: 'a log that was removed with its head',
    act(place) {
      rmSync(logOf(place))
      rmSync(join(place.backupDir, 'audit.head'))
    },
    alone: null,
    compared: { code: 'TAIL_MISSING', line: null, says: 'it was removed' },
  },
]

test.for(TAMPERINGS)('$what is found with the anchors', async ({ act, alone, compared }) => {
  const place = await anchored()
  await act(place)
  const without = await verified(place)
  expect(without).toMatchObject({
    status: alone === null ? 'intact' : 'damaged',
    problems: alone === null ? [] : [{ code: alone }],
  })
  const { code, line, says = '' } = compared
  const found = await verified(place, ['far'])
  expect(found.status).toBe('damaged')
  expect(found.problems[0]).toMatchObject({ code, line, message: expect.stringContaining(says) })
  if (alone === null)
    expect(found).toMatchObject({ problems: [{ target: 'far' }], anchors: [{ status: 'contradicts' }] })
})

test('a line between others that an anchor knows, and that is gone with its number, is missed', async () => {
  const place = await anchored()
  writeLog(place, linesOf(place).toSpliced(4, 1))
  const { problems } = await verified(place, ['far'])
  expect(problems).toMatchObject([
    { code: 'LINE_MISSING', line: 5 },
    { code: 'LINE_MISSING', line: null, target: 'far' },
  ])
})

test('a log that was put away is gone on with, and both together are what the target knows', async () => {
  const place = await anchored()
  const before = readFileSync(logOf(place))
  renameSync(logOf(place), `${logOf(place)}.2025`)
  await backUp(place)
  await note(place, 1)
  expect(await verified(place, ['far'])).toMatchObject({
    status: 'incomplete',
    notes: [expect.stringContaining('put away')],
    anchors: [{ status: 'none', earlier: 2 }],
  })
  await backUp(place)
  expect(await verified(place, ['far'])).toMatchObject({
    status: 'intact',
    anchors: [{ status: 'agrees', agreeing: 1, earlier: 2, newest: { seq: 8 } }],
  })
  // In another directory, as the old file may be on another machine.
  const together = openPlace(['far'], { targets: { far: local(place.path('far')) } })
  mkdirSync(together.backupDir)
  writeFileSync(logOf(together), Buffer.concat([before, readFileSync(logOf(place))]))
  cpSync(join(place.backupDir, 'audit.head'), join(together.backupDir, 'audit.head'))
  expect(await verified(together, ['far'])).toMatchObject({
    status: 'intact',
    entries: 9,
    anchors: [{ agreeing: 3, earlier: 0, others: 0 }],
  })
})

test('the first line after a log that was put away vouches for the last one in it', async () => {
  const place = await anchored()
  const [key = ''] = anchorsAt(place)
  const anchor = parseAnchorKey(key) as AuditAnchor
  const last = entriesOf(place).at(-1) as AuditEntry
  writeFileSync(place.path('far', anchorKey({ ...anchor, seq: last.seq, hash: last.hash })), '')
  renameSync(logOf(place), `${logOf(place)}.2025`)
  await note(place, 1)
  expect(await verified(place, ['far'])).toMatchObject({
    status: 'intact',
    anchors: [{ agreeing: 1, earlier: 2, newest: { seq: last.seq } }],
  })
  writeFileSync(place.path('far', anchorKey({ ...anchor, seq: last.seq })), '')
  expect((await verified(place, ['far'])).problems).toMatchObject([
    { code: 'LOG_REPLACED', line: null, message: expect.stringContaining(`entry ${last.seq} since`) },
  ])
})

test('a log of which no line can be read is anchored as far as its head knows it', async () => {
  const place = await anchored()
  writeFileSync(logOf(place), 'no line of ours\n')
  await backUp(place)
  expect(parsedAt(place)).toContainEqual(expect.objectContaining({ log: '0'.repeat(16), seq: 6 }))
  const { status, problems } = await verified(place, ['far'])
  expect([status, problems.length]).toEqual(['damaged', 2])
})

test('what is said to go on from a log that was put away, and does not, is found', async () => {
  const place = await anchored()
  renameSync(logOf(place), `${logOf(place)}.2025`)
  await note(place, 1)
  const [line = ''] = linesOf(place)
  // It says that only four lines were put away.
  writeLog(place, writtenAnew([line.replace('"seq":7', '"seq":5')], 0))
  expect((await verified(place)).status).toBe('intact')
  expect((await verified(place, ['far'])).problems).toMatchObject([
    { code: 'LOG_REPLACED', line: 1, message: expect.stringContaining('entry 5') },
  ])
})

test('a target that knows nothing of the log, or is away, vouches for nothing, and that is said', async () => {
  const place = openPlace(['far', '!away'])
  expect(await verified(place, ['far'])).toMatchObject({ status: 'intact', entries: 0 })
  await backUp(place)
  expect(await verified(place, ['far'])).toMatchObject({
    status: 'incomplete',
    anchors: [{ status: 'none' }],
  })
  await backUp(place)
  expect(await verified(place, ['far', 'far'])).toMatchObject({
    status: 'intact',
    anchors: [{ agreeing: 1 }],
  })
  expect(await verified(place, 'all')).toMatchObject({
    status: 'incomplete',
    problems: [],
    anchors: [{ status: 'agrees' }, { status: 'failed', failure: { code: 'TARGET_UNREACHABLE' } }],
  })
  failedWith('INVALID_ARGUMENT', await place.database().verifyAuditLog({ targets: ['nowhere'] }))
  failedWith('INVALID_ARGUMENT', await place.database().verifyAuditLog({ targets: [] }))
  place.configure({})
  failedWith('INVALID_ARGUMENT', await place.database().verifyAuditLog({ targets: 'all' }))
})

test('nothing that somebody puts among the anchors hides one, or makes anything fall over', async () => {
  const place = await anchored()
  const directory = place.path('far', 'audit-anchors')
  const [first = '', second = ''] = anchorsAt(place)
  // What is in them nobody reads.
  writeFileSync(place.path('far', first), '{"seq": "many"')
  writeFileSync(place.path('far', second), Buffer.alloc(5_000_000, 'x'))
  for (const name of ['notes.txt', '.hidden', 'a'.repeat(250), `${second.slice(14, -5)}.txt`])
    writeFileSync(join(directory, name), '{}')
  const anchor = parseAnchorKey(first) as AuditAnchor
  const other = { ...anchor, place: 'a'.repeat(16), log: 'b'.repeat(16) }
  mkdirSync(join(place.path('far'), anchorKey({ ...anchor, seq: 77 })))
  symlinkSync('/dev/zero', join(place.path('far'), anchorKey({ ...anchor, seq: 78 })))
  writeFileSync(join(place.path('far'), anchorKey(other)), '')
  expect(await verified(place, ['far'])).toMatchObject({
    status: 'intact',
    problems: [],
    // One of another log that says the same of the same line is as good as ours.
    anchors: [{ agreeing: 3, others: 0 }],
  })
  writeFileSync(join(place.path('far'), anchorKey({ ...other, seq: 4 })), '')
  expect(await verified(place, ['far'])).toMatchObject({ status: 'intact', anchors: [{ others: 1 }] })
  writeFileSync(join(place.path('far'), anchorKey({ ...anchor, seq: 4 })), '')
  expect((await verified(place, ['far'])).problems).toMatchObject([{ code: 'LOG_REWRITTEN', line: 4 }])
})

test('a listing with names that are none, or without end, is no failure of ours', async () => {
  const place = await anchored()
  const anchor = parseAnchorKey(anchorsAt(place)[0] ?? '') as AuditAnchor
  const keys = (names: Iterable<string>): Target => ({
    name: 'far',
    kind: 's3',
    async *list(): AsyncGenerator<StoredObject> {
      for (const key of names) yield { key, sizeBytes: 1e12, modified: 'yesterday' }
    },
    put: () => Promise.reject(new Error('nothing is written here')),
    putIfAbsent: () => Promise.reject(new Error('nothing is written here')),
    async *get() {},
    head: () => Promise.resolve(null),
    delete: () => Promise.reject(new Error('nothing is deleted here')),
    freeBytes: () => Promise.resolve(null),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  })
  const ask = (names: Iterable<string>): ReturnType<typeof verifyAudit> => {
    const context = contextOf({ path: place.databasePath, config: { targets: { far: local('far') } } })
    return verifyAudit({ targets: 'all' }, { ...context, openTarget: () => Promise.resolve(keys(names)) })
  }
  const long = `audit-anchors/${'a'.repeat(4096)}`
  const hostile = [long, '../../etc/passwd', 'audit-anchors/../x', '', '\0', anchorKey({ ...anchor, seq: 0 })]
  expect(await ask([...hostile, anchorKey(anchor)])).toMatchObject({
    status: 'intact',
    anchors: [{ agreeing: 1, others: 0 }],
  })
  function* endless(): Generator<string> {
    for (let seq = 1; ; seq++) yield anchorKey({ ...anchor, seq })
  }
  expect(await ask(endless())).toMatchObject({
    status: 'incomplete',
    anchors: [{ status: 'failed', failure: { code: 'OBJECT_DAMAGED' } }],
  })
})
