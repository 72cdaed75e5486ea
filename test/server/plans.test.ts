/** The security checklist of docs/security.md: 12, second thoughts, and whom what was found is shown to. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CatalogLock } from '../../src/catalog/lock.ts'
import type { BackupsCleanedUp } from '../../src/index.ts'
import { openServing } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

test('12: what was planned before something changed is not carried out', async () => {
  const serving = await openServing()
  const made = await serving.done(`${SHOP}/backups`)
  const { filename } = (made.kind === 'create' ? made.result : null) ?? { filename: '' }
  const planned = await serving.done(`${SHOP}/backups/${filename}/restore-plan`)
  const { plan } = planned.result as { plan: string }
  const other = (
    await serving.ask('POST', '/api/v1/tokens', { body: { name: 'other admin', role: 'admin' } })
  ).body.secret
  const body = { plan, confirm: 'shop' }
  const headers = { authorization: `Bearer ${other}` }
  expect(
    (await serving.ask('POST', `${SHOP}/backups/${filename}/restore`, { body, headers, as: null })).body.code,
  ).toBe('PLAN_STALE')
  expect(
    (await serving.ask('POST', `${SHOP}/backups/${filename}/restore`, { body, as: 'operator' })).status,
  ).toBe(403)
})

test('12: a policy is saved by who has seen what it would delete, and only while that holds', async () => {
  const { ask, done } = await openServing()
  const policy = { daily: { keepLast: 1 } }
  for (let i = 0; i < 2; i++) await done(`${SHOP}/backups`, { type: 'daily' })
  const plan = async (wanted: object = policy): Promise<string> =>
    (await ask('POST', `${SHOP}/cleanup-plan`, { body: wanted })).body.plan
  const save = async (id: string): Promise<string | undefined> =>
    (await ask('PUT', `${SHOP}/retention`, { body: { policy, plan: id } })).body.code
  // Of the policy that holds, and of another one.
  expect(await save(await plan({}))).toBe('PLAN_STALE')
  expect(await save(await plan({ policy: { daily: { keepLast: 2 } } }))).toBe('PLAN_STALE')
  const old = await plan({ policy })
  await done(`${SHOP}/backups`, { type: 'daily' })
  expect(await save(old)).toBe('PLAN_STALE')
  const fresh = await plan({ policy })
  expect(await save(fresh)).toBe(undefined)
  expect(await save(fresh)).toBe('PLAN_STALE')
})

test('12: the plan of a policy is what it deletes once it is saved: at targets, and of types that it does not name', async () => {
  const serving = await openServing({
    config: {
      databases: {
        shop: {
          path: 'shop.db',
          backupDir: 'backups',
          retention: { types: { manual: { keepLast: 50 }, daily: { keepLast: 50 } } },
        },
      },
      retention: { types: { manual: { keepLast: 1 } } },
      targets: {
        far: { kind: 'local', path: 'far' },
        archive: { kind: 'local', path: 'archive', retention: { types: { daily: { keepLast: 50 } } } },
      },
    },
  })
  for (const name of ['far', 'archive']) mkdirSync(join(serving.directory, name))
  const { ask, done } = serving
  for (const type of ['manual', 'manual', 'daily', 'daily']) await done(`${SHOP}/backups`, { type })
  const deletedBy = ({ deleted, targets }: BackupsCleanedUp): object =>
    Object.fromEntries(
      [{ target: 'here', deleted }, ...targets].map(place => [
        place.target,
        place.deleted.map(({ backup }) => backup.type).toSorted(),
      ]),
    )
  const policy = { daily: { keepLast: 1 } }
  const seen = (await ask('POST', `${SHOP}/cleanup-plan`, { body: { policy } })).body
  await ask('PUT', `${SHOP}/retention`, { body: { policy, plan: seen.plan } })
  const holds = (await ask('POST', `${SHOP}/cleanup-plan`, { body: {} })).body
  expect(deletedBy(holds)).toEqual({
    here: ['daily', 'manual'],
    far: ['daily', 'manual'],
    archive: ['manual'],
  })
  expect(deletedBy(seen)).toEqual(deletedBy(holds))
})

test('12: a cleanup that had to wait deletes nothing that its plan has not shown', async () => {
  const { ask, done, ended, backupDir } = await openServing({
    config: {
      databases: { shop: { path: 'shop.db', backupDir: 'backups' } },
      retention: { types: { daily: { keepLast: 1 } } },
    },
  })
  for (let i = 0; i < 2; i++) await done(`${SHOP}/backups`, { type: 'daily' })
  const { plan, deleted } = (await ask('POST', `${SHOP}/cleanup-plan`, { body: {} })).body
  expect(deleted).toHaveLength(1)
  // Both are at work, and wait, when the cleanup is asked for: it comes after them.
  const signal = new AbortController().signal
  const lock = await CatalogLock.acquire(backupDir, { waitMs: 5000, signal })
  const making = [1, 2].map(() => ask('POST', `${SHOP}/backups`, { body: { type: 'daily' } }))
  const ids = (await Promise.all(making)).map(({ body }) => body.id as string)
  const cleanup = await ask('POST', `${SHOP}/cleanup`, { body: { plan } })
  expect(cleanup.status).toBe(202)
  lock[Symbol.dispose]()
  for (const id of ids) expect((await ended(id)).status).toBe('succeeded')
  expect(await ended(cleanup.body.id)).toMatchObject({
    status: 'failed',
    problem: { code: 'CATALOG_LOCKED', detail: expect.stringContaining('planned') },
  })
  expect((await ask('GET', `${SHOP}/backups?type=daily`)).body.total).toBe(4)
})

test('8: what a job found is shown to those alone who may begin such a job', async () => {
  const serving = await openServing()
  const made = await serving.done(`${SHOP}/backups`)
  const { filename } = (made.kind === 'create' ? made.result : null) ?? { filename: '' }
  const body = { from: null, to: filename, table: 'users' }
  const revealed = await serving.done(`${SHOP}/compare`, { ...body, reveal: true })
  const planned = await serving.done(`${SHOP}/backups/${filename}/restore-plan`)
  for (const { id } of [revealed, planned]) {
    for (const as of ['viewer', 'operator'] as const) {
      const seen = await serving.ask('GET', `/api/v1/jobs/${id}`, { as })
      expect(seen.body).toMatchObject({ status: 'succeeded', result: null })
      expect((await serving.ask('GET', `/api/v1/jobs/${id}/events`, { as })).text).not.toContain('"result":{')
      const { jobs } = (await serving.ask('GET', '/api/v1/jobs', { as })).body
      expect(jobs.find((job: { id: string }) => job.id === id).result).toBe(null)
    }
    expect((await serving.ask('GET', `/api/v1/jobs/${id}`)).body.result).not.toBe(null)
  }
})
