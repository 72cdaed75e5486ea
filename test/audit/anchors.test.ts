/** How targets come to know of the audit log. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type AuditAnchor, parseAnchorKey } from '../../src/audit/anchor.ts'
import { SHIM_NEEDS } from '../faults/shim.ts'
import { local, openPlace, readJson } from '../off-site/place.ts'
import { tendUnderShim } from '../off-site/tend-killed.ts'
import { buildLedger } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import {
  anchored,
  anchorsAt,
  backUp,
  entriesOf,
  linesOf,
  note,
  parsedAt,
  verified,
  writeLog,
} from './anchor-place.ts'

test('each copy gives the target the newest line of the log to keep, in a key that says it all', async () => {
  const place = await anchored()
  const [first, ...lines] = entriesOf(place)
  expect(parsedAt(place)).toMatchObject([
    { seq: 3, hash: lines[1]?.hash, log: first?.hash.slice(0, 16) },
    { seq: 5, hash: lines[3]?.hash, log: first?.hash.slice(0, 16) },
  ])
  const [key = ''] = anchorsAt(place)
  const { place: where, time } = parseAnchorKey(key) as AuditAnchor
  expect(readJson(place.path('far', key))).toEqual({
    schema: 1,
    log: first?.hash.slice(0, 16),
    seq: 3,
    hash: lines[1]?.hash,
    place: where,
    time,
    database: 'app',
  })
  expect(await verified(place, ['far'])).toMatchObject({
    status: 'intact',
    entries: 6,
    problems: [],
    anchors: [
      {
        target: 'far',
        status: 'agrees',
        agreeing: 2,
        earlier: 0,
        others: 0,
        newest: { seq: 5, hash: lines[3]?.hash },
        failure: null,
      },
    ],
  })
  expect((await verified(place)).anchors).toEqual([])
})

test('a sync that copies something puts one anchor, and one that copies nothing puts none', async () => {
  const place = openPlace()
  for (let count = 0; count < 2; count++) {
    succeeded(await place.database().createBackup({ copy: false }))
  }
  const synced = succeeded(await place.database().syncTargets())
  expect(synced.targets).toMatchObject([{ status: 'synced', anchorProblem: null }])
  expect(parsedAt(place)).toMatchObject([{ seq: 2 }])
  succeeded(await place.database().syncTargets())
  expect(parsedAt(place)).toHaveLength(1)
  expect((await verified(place, 'all')).status).toBe('intact')
})

test('backups that are kept at targets alone are anchored at each of them', async () => {
  const place = openPlace(['far', 'farther'], {
    keepLocal: false,
    targets: { far: local('far'), farther: local('farther') },
  })
  mkdirSync(place.backupDir)
  await note(place, 1)
  await backUp(place)
  await backUp(place)
  expect(await verified(place, 'all')).toMatchObject({
    status: 'intact',
    entries: 3,
    anchors: [
      { target: 'far', agreeing: 2 },
      { target: 'farther', agreeing: 2 },
    ],
  })
})

test('machines, and databases of one backup directory, do not contradict each other at one target', async () => {
  const place = await anchored()
  const machine = openPlace(['far'], { targets: { far: local(place.path('far')) } })
  await backUp(machine)
  await backUp(machine)
  buildLedger(place.path('shop.db'), {})
  succeeded(await place.database({ path: place.path('shop.db') }).createBackup())
  expect(await verified(place, ['far'])).toMatchObject({
    status: 'intact',
    anchors: [{ agreeing: 3, others: 1 }],
  })
  expect(await verified(machine, ['far'])).toMatchObject({
    status: 'intact',
    anchors: [{ agreeing: 1, others: 3 }],
  })
})

test('where nothing may be deleted anchors are put, and stay whatever is cleaned up', async () => {
  const place = await anchored({ targets: { far: local('far', { appendOnly: true }) } })
  const before = anchorsAt(place)
  expect(before).toHaveLength(2)
  succeeded(await place.database().cleanupOldBackups({ target: 'far' }))
  expect(anchorsAt(place)).toEqual(before)
  writeLog(place, linesOf(place).slice(0, 4))
  expect((await verified(place, ['far'])).problems).toMatchObject([{ code: 'TAIL_MISSING' }])
})

test('a target that takes no anchor gets the copy all the same, and that is said', async () => {
  const only = { keepLocal: false, targets: { far: local('far') } }
  for (const config of [{}, only]) {
    const place = openPlace(['far'], config)
    mkdirSync(place.backupDir)
    await note(place, 1)
    writeFileSync(place.path('far', 'audit-anchors'), 'in the way')
    const { targets } = succeeded(await place.database().createBackup())
    expect(targets).toMatchObject([
      { status: 'copied', anchorProblem: expect.stringContaining('audit-anchors') },
    ])
    if (config === only) continue
    succeeded(await place.database().createBackup({ copy: false }))
    expect(succeeded(await place.database().syncTargets())).toMatchObject({
      status: 'synced',
      targets: [{ anchorProblem: expect.stringContaining('audit-anchors') }],
    })
  }
})

testWith(
  SHIM_NEEDS,
  'a process that is killed between a copy and its anchor leaves a whole copy, and the next one is anchored',
  async () => {
    const place = await anchored()
    const before = anchorsAt(place)
    const root = place.path('far', 'audit-anchors')
    const killed = await tendUnderShim('create', place, { kind: 'kill' }, 1, root)
    expect(killed.signal).toBe('SIGKILL')
    expect(anchorsAt(place).filter(key => parseAnchorKey(key) !== null)).toEqual(before)
    const listed = await place.database().listBackups({ target: 'far' })
    expect(listed).toHaveLength(4)
    expect((await verified(place, ['far'])).status).toBe('intact')
    await backUp(place)
    expect(await verified(place, ['far'])).toMatchObject({ status: 'intact', anchors: [{ agreeing: 3 }] })
  },
)
