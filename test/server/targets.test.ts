/** Backups at targets, over HTTP: where nothing is kept in the backup directory, and where the same is kept there too. */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { type BackupInfo, Database } from '../../src/index.ts'
import { TargetListings } from '../../src/server/target-listings.ts'
import { backupInfo } from '../support/backup-info.ts'
import { succeeded } from '../support/product.ts'
import { backUp, documentOf, openServing, type Serving } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

/** Serves `shop` with the targets `far` and `farther`, which are directories beside it. */
async function openWithTargets(more: object = {}): Promise<Serving> {
  const serving = await openServing({
    config: {
      databases: { shop: { path: 'shop.db', backupDir: 'backups' } },
      targets: { far: { kind: 'local', path: 'far' }, farther: { kind: 'local', path: 'farther' } },
      ...more,
    },
  })
  for (const name of ['far', 'farther']) mkdirSync(join(serving.directory, name))
  return serving
}

/** How many users the live database has. */
function users({ databasePath }: Serving): unknown {
  const connection = new DatabaseSync(databasePath)
  const row = connection.prepare('SELECT count(*) AS users FROM users').get()
  connection.close()
  return row?.['users']
}

function removeUsers({ databasePath }: Serving): void {
  const connection = new DatabaseSync(databasePath)
  connection.exec('DELETE FROM users')
  connection.close()
}

async function download(serving: Serving, path: string, headers: object = {}): Promise<[number, Buffer]> {
  const authorization = `Bearer ${serving.tokens.admin}`
  const answer = await fetch(`${serving.url}${path}`, { headers: { authorization, ...headers } })
  return [answer.status, Buffer.from(await answer.arrayBuffer())]
}

test('where backups are kept at targets alone, each is listed, looked into, verified, restored, downloaded, pinned and deleted', async () => {
  const serving = await openWithTargets({ keepLocal: false })
  const { ask, done } = serving
  expect((await ask('GET', '/api/v1/databases')).body.databases).toMatchObject([{ primaryTarget: 'far' }])
  expect((await ask('GET', `${SHOP}/backups`)).body.total).toBe(0)
  const filename = await backUp(serving, 'Far away')
  const stored = join(serving.directory, 'far', 'manual', filename)
  expect(existsSync(join(serving.backupDir, 'manual'))).toBe(false)
  const listed = await ask('GET', `${SHOP}/backups`, { as: 'viewer' })
  expect(listed.body.backups).toMatchObject([{ filename, target: 'far', path: `far:manual/${filename}` }])
  const backup = `${SHOP}/backups/${filename}`
  const state = (await ask('GET', SHOP)).body
  expect(state.verdict).toMatchObject({ status: 'protected' })
  expect((await ask('GET', `${SHOP}/backups/${state.backups.newest.filename}`)).status).toBe(200)
  expect((await ask('GET', `${SHOP}/backups/latest`)).body).toMatchObject({ filename })
  expect((await ask('GET', `${SHOP}/history`)).body.days).toMatchObject([{ backups: 1 }])

  expect((await ask('GET', `${backup}/tables`)).body.tables).toMatchObject([{ name: 'users', rows: 2 }])
  expect((await ask('GET', `${backup}/tables/users/rows`)).body.rows).toHaveLength(2)
  const sql = 'SELECT count(*) FROM users'
  expect((await ask('POST', `${backup}/query`, { body: { sql } })).body.rows).toEqual([[2]])
  expect(await done(`${backup}/verify`)).toMatchObject({ result: { status: 'intact', recorded: true } })
  expect(await done(`${backup}/drill`)).toMatchObject({ result: { status: 'passed', recorded: true } })
  // What was noted is seen at once.
  expect((await ask('GET', backup)).body.metadata.last_drill).toMatchObject({ passed: true })
  expect(await done(`${SHOP}/exports`, { from: filename })).toMatchObject({ status: 'succeeded' })
  expect(await done(`${SHOP}/scan`, { from: filename })).toMatchObject({ status: 'succeeded' })

  const bytes = readFileSync(stored)
  expect(await download(serving, `${backup}/content`)).toEqual([200, bytes])
  expect(await download(serving, `${backup}/content`, { range: 'bytes=100-199' })).toEqual([
    206,
    bytes.subarray(100, 200),
  ])
  expect(await download(serving, `${backup}/content?form=database`)).toEqual([200, bytes])

  removeUsers(serving)
  expect(await done(`${SHOP}/compare`, { from: null, to: filename })).toMatchObject({
    result: { tables: [{ name: 'users', added: 2 }] },
  })
  const planned = await done(`${backup}/restore-plan`)
  const { plan } = planned.result as { plan: string }
  const restored = await done(`${backup}/restore`, { plan, confirm: 'shop' })
  expect(restored).toMatchObject({ status: 'succeeded', result: { backup: { target: 'far' } } })
  expect(users(serving)).toBe(2)
  // What it has overwritten is kept here, and can be had all the same.
  const kept = (await ask('GET', `${SHOP}/backups?type=pre_restore`)).body.backups[0]
  expect(kept).toMatchObject({ target: null })
  const [status, way] = await download(serving, `${SHOP}/backups/${kept.filename}/content`)
  expect([status, way.length]).toEqual([200, kept.size])
  expect(await done(`${SHOP}/compare`, { from: kept.filename, to: filename })).toMatchObject({
    status: 'succeeded',
  })

  expect((await ask('PUT', `${backup}/pin`, { body: { reason: 'Audit' } })).status).toBe(200)
  expect((await ask('GET', backup)).body.pinned).toMatchObject({ reason: 'Audit', by: 'the admin' })
  expect((await ask('DELETE', `${backup}?confirm=${filename}`)).body.code).toBe('BACKUP_PROTECTED')
  await ask('DELETE', `${backup}/pin`)
  expect((await ask('GET', backup)).body.pinned).toBe(null)
  expect((await ask('DELETE', `${backup}?confirm=${filename}&force=true`)).status).toBe(200)
  expect((await ask('GET', backup)).body.code).toBe('BACKUP_NOT_FOUND')
  expect(existsSync(stored)).toBe(false)
  const { entries } = (await ask('GET', '/api/v1/audit')).body as {
    entries: { action: string; parameters: { target?: string } }[]
  }
  const places = Object.fromEntries(entries.map(({ action, parameters }) => [action, parameters.target]))
  expect(places).toMatchObject({ delete: 'far', pin: 'far', unpin: 'far', restore: 'far', verify: 'far' })
})

test('a named target’s backups are worked with as they are there, whatever the backup directory has', async () => {
  const serving = await openWithTargets()
  const { ask, done } = serving
  const filename = await backUp(serving)
  const backup = `${SHOP}/backups/${filename}`
  expect((await ask('GET', backup)).body).toMatchObject({ target: null, copies: ['far', 'farther'] })
  const there = (await ask('GET', `${backup}?target=farther`)).body
  expect(there).toMatchObject({ target: 'farther', path: `farther:manual/${filename}` })
  const planned = await done(`${backup}/restore-plan`)
  const { plan } = planned.result as { plan: string }
  const other = { body: { plan, confirm: 'shop' } }
  // A plan is of the backup where it is.
  expect((await ask('POST', `${backup}/restore?target=farther`, other)).body.code).toBe('PLAN_STALE')

  rmSync(join(serving.backupDir, 'manual'), { recursive: true })
  expect((await ask('GET', backup)).body.code).toBe('BACKUP_NOT_FOUND')
  const at = (route: string): string => `${backup}/${route}?target=farther`
  expect((await ask('GET', `${SHOP}/backups?target=farther`)).body.total).toBe(1)
  expect((await ask('GET', `${SHOP}?target=farther`)).body.backups).toMatchObject({ count: 1 })
  expect((await ask('GET', `${SHOP}/history?target=farther`)).body.days).toMatchObject([{ backups: 1 }])
  expect(await done(at('verify'))).toMatchObject({
    result: { status: 'intact', backup: { target: 'farther' } },
  })
  expect((await ask('GET', at('tables'))).body.tables).toHaveLength(1)
  const [status, bytes] = await download(serving, at('content'))
  expect([status, bytes]).toEqual([200, readFileSync(join(serving.directory, 'farther', 'manual', filename))])
  const compared = { from: null, to: filename, target: 'farther' }
  expect(await done(`${SHOP}/compare`, compared)).toMatchObject({ result: { status: 'equal' } })
  const both = { from: filename, fromTarget: 'far', to: filename, target: 'farther' }
  expect(await done(`${SHOP}/compare`, both)).toMatchObject({
    result: { status: 'equal', from: { backup: { target: 'far' } }, to: { backup: { target: 'farther' } } },
  })
  expect(await done(`${SHOP}/exports`, { from: filename, target: 'farther' })).toMatchObject({
    status: 'succeeded',
  })
  removeUsers(serving)
  const again = (await done(at('restore-plan'))).result as { plan: string }
  await done(at('restore'), { plan: again.plan, confirm: 'shop' })
  expect(users(serving)).toBe(2)
  await ask('DELETE', `${backup}?target=farther&confirm=${filename}&force=true`)
  expect((await ask('GET', `${SHOP}/backups?target=farther`)).body.total).toBe(0)
  expect((await ask('GET', `${SHOP}/backups?target=far`)).body.total).toBe(1)
})

test('a target that is not configured, or away, or of no backup, is said', async () => {
  const serving = await openWithTargets()
  const { ask } = serving
  const filename = await backUp(serving)
  for (const name of ['nowhere', '..', '__proto__']) {
    const { body } = await ask('GET', `${SHOP}/backups?target=${name}`)
    expect([name, body.code]).toEqual([name, 'INVALID_ARGUMENT'])
  }
  for (const [route, body] of [
    ['exports', { target: 'far' }],
    ['scan', { target: 'far' }],
    ['compare', { from: null, fromTarget: 'far', to: filename }],
  ] as const)
    expect((await ask('POST', `${SHOP}/${route}`, { body })).body.code).toBe('REQUEST_INVALID')
  renameSync(join(serving.directory, 'far'), join(serving.directory, 'gone'))
  await ask('POST', `${SHOP}/retention/simulate`, { body: {} })
  expect((await ask('GET', `${SHOP}/backups/${filename}?target=far`)).body.code).toBe('TARGET_UNREACHABLE')
  // What has failed is asked again.
  renameSync(join(serving.directory, 'gone'), join(serving.directory, 'far'))
  expect((await ask('GET', `${SHOP}/backups/${filename}?target=far`)).status).toBe(200)
})

test('another database’s backups at the same target are not to be had', async () => {
  const serving = await openWithTargets()
  const other = new Database({
    path: serving.databasePath,
    backupDir: join(serving.directory, 'other'),
    config: join(serving.directory, 'chame-backup.config.json'),
    database: 'shop',
  })
  const { filename } = succeeded(await other.createBackup())
  const blog = filename.replace('shop', 'blog')
  for (const [directory, end] of [
    ['manual', ''],
    ['metadata', '.json'],
  ] as const)
    renameSync(
      join(serving.directory, 'far', directory, filename + end),
      join(serving.directory, 'far', directory, blog + end),
    )
  const { ask, administration } = serving
  expect((await ask('GET', `${SHOP}/backups?target=far`)).body.total).toBe(0)
  expect((await ask('GET', `${SHOP}/backups/${blog}/content?target=far`)).body.code).toBe('BACKUP_NOT_FOUND')
  expect(await administration.openBackup(blog, { target: 'far' })).toMatchObject({ code: 'BACKUP_NOT_FOUND' })
})

test('a cleanup is planned of what goes at the targets, too', async () => {
  const serving = await openWithTargets({
    keepLocal: false,
    retention: { types: { daily: { keepLast: 1 } } },
  })
  const { ask, done } = serving
  for (let i = 0; i < 2; i++) await done(`${SHOP}/backups`, { type: 'daily' })
  const { plan, targets } = (await ask('POST', `${SHOP}/cleanup-plan`, { body: {} })).body
  expect(targets).toMatchObject([{ deleted: [{}] }, { deleted: [{}] }])
  await done(`${SHOP}/backups`, { type: 'daily' })
  expect((await ask('POST', `${SHOP}/cleanup`, { body: { plan } })).body.code).toBe('PLAN_STALE')
  const next = (await ask('POST', `${SHOP}/cleanup-plan`, { body: {} })).body
  await done(`${SHOP}/cleanup`, { plan: next.plan })
  expect((await ask('GET', `${SHOP}/backups`)).body.total).toBe(1)
})

test('every route on a stored backup takes a target, and the document says so', async () => {
  const { url } = await openServing()
  const { paths } = await documentOf(url)
  const missing = Object.entries(paths)
    .filter(([path]) => path.includes('/backups') && !path.endsWith('/upload'))
    .flatMap(([path, item]) => Object.entries(item).map(([method, each]) => ({ path, method, each })))
    .filter(
      ({ each }) =>
        each.parameters?.some(({ name, in: where }) => name === 'target' && where === 'query') !== true,
    )
    .map(({ path, method }) => `${method} ${path}`)
  // That one makes a backup, which goes to every target.
  expect(missing).toEqual(['post /api/v1/databases/{database}/backups'])
})

test('a target’s list is read once for all who ask at a time, and again after a few seconds or a change', async () => {
  let ms = 0
  let read = 0
  const listings = new TargetListings(() => ms)
  const ask = (): Promise<readonly BackupInfo[]> =>
    listings.list('far', async () => {
      read++
      return [backupInfo()]
    })
  const [first, second] = await Promise.all([ask(), ask()])
  expect(second).toBe(first)
  ms = 4_999
  expect(await ask()).toBe(first)
  ms = 5_000
  expect(await ask()).not.toBe(first)
  expect(read).toBe(2)
  listings.forget()
  const underway = ask()
  listings.forget()
  await Promise.all([underway, ask()])
  expect(read).toBe(4)
})

test('a target’s list that could not be read is read again', async () => {
  const listings = new TargetListings(() => 0)
  await expect(listings.list('far', () => Promise.reject(new Error('away')))).rejects.toThrow('away')
  expect(await listings.list('far', () => Promise.resolve([]))).toEqual([])
})
