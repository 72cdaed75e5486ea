import { writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { backUp, openServing } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

test('a backup is made, listed, looked up, pinned, verified, drilled, unpinned and deleted', async () => {
  const serving = await openServing()
  const { ask, done } = serving
  const filename = await backUp(serving, 'Before migration')
  await backUp(serving, 'Another')
  const listed = await ask('GET', `${SHOP}/backups?q=migration`, { as: 'viewer' })
  expect(listed.body).toMatchObject({ total: 1, nextCursor: null })
  expect(listed.body.backups[0]).toMatchObject({
    filename,
    description: 'Before migration',
    createdBy: 'the operator',
  })
  const backup = `${SHOP}/backups/${filename}`
  expect((await ask('GET', backup)).body).toMatchObject({ filename })
  expect((await ask('GET', `${SHOP}/backups/latest`)).body.description).toBe('Another')
  const pinned = await ask('PUT', `${backup}/pin`, { body: { reason: 'Audit' } })
  expect(pinned.body.backup.pinned).toMatchObject({ reason: 'Audit', by: 'the admin' })
  expect((await ask('GET', `${SHOP}/backups?state=pinned`)).body.total).toBe(1)
  expect((await ask('DELETE', `${backup}?confirm=${filename}`)).body.code).toBe('BACKUP_PROTECTED')
  expect((await ask('DELETE', `${backup}/pin`)).body.backup.pinned).toBe(null)
  expect(await done(`${backup}/verify`)).toMatchObject({
    status: 'succeeded',
    result: { status: 'intact', recorded: true },
  })
  expect(await done(`${backup}/drill`)).toMatchObject({ status: 'succeeded', result: { status: 'passed' } })
  expect((await ask('DELETE', `${backup}?confirm=other`)).body.code).toBe('DELETE_NOT_CONFIRMED')
  expect((await ask('DELETE', backup)).body.hint).toContain('file name once more')
  expect((await ask('DELETE', `${backup}?confirm=${filename}`)).body.backup.filename).toBe(filename)
  expect((await ask('GET', backup)).body).toMatchObject({ code: 'BACKUP_NOT_FOUND', status: 404 })
  expect((await ask('GET', `${SHOP}/backups`)).body.total).toBe(1)
})

test('a restore needs a fresh plan of that backup and the name of the database', async () => {
  const serving = await openServing()
  const { ask, done } = serving
  const filename = await backUp(serving)
  const connection = new DatabaseSync(serving.databasePath)
  connection.exec('DELETE FROM users')
  connection.close()
  const backup = `${SHOP}/backups/${filename}`
  const planned = await done(`${backup}/restore-plan`)
  expect(planned).toMatchObject({ status: 'succeeded', result: { database: 'shop', dryRun: true } })
  const { plan } = planned.result as { plan: string }
  const refused = await ask('POST', `${backup}/restore`, { body: { plan, confirm: 'other' } })
  expect(refused.body).toMatchObject({ code: 'REQUEST_INVALID' })
  const other = await ask('POST', `${backup}/restore`, { body: { plan: 'plan_of_nobody', confirm: 'shop' } })
  expect(other.body).toMatchObject({ code: 'PLAN_STALE', status: 409 })
  const restored = await done(`${backup}/restore`, { plan, confirm: 'shop' })
  expect(restored).toMatchObject({ status: 'succeeded', result: { comparison: 'equal' } })
  const again = await ask('POST', `${backup}/restore`, { body: { plan, confirm: 'shop' } })
  expect(again.body.code).toBe('PLAN_STALE')
  const reopened = new DatabaseSync(serving.databasePath)
  expect(reopened.prepare('SELECT count(*) AS users FROM users').get()).toMatchObject({ users: 2 })
  reopened.close()
})

test('pages go on where they ended, whatever is made meanwhile', async () => {
  const serving = await openServing()
  const names = []
  for (let i = 0; i < 3; i++) names.push(await backUp(serving))
  const first = await serving.ask('GET', `${SHOP}/backups?limit=2&sort=filename&order=asc`)
  expect(first.body.backups.map((each: { filename: string }) => each.filename)).toEqual(
    names.toSorted().slice(0, 2),
  )
  await backUp(serving)
  const next = await serving.ask(
    'GET',
    `${SHOP}/backups?limit=50&sort=filename&order=asc&cursor=${first.body.nextCursor}`,
  )
  expect(next.body.backups).toHaveLength(2)
  expect(next.body.nextCursor).toBe(null)
  expect((await serving.ask('GET', `${SHOP}/backups?cursor=AAAA`)).body.code).toBe('REQUEST_INVALID')
})

test('a backup is looked into, queried and compared, with what is sensitive masked for all but admins who ask', async () => {
  const serving = await openServing()
  const { ask, done } = serving
  const filename = await backUp(serving)
  const backup = `${SHOP}/backups/${filename}`
  const tables = await ask('GET', `${backup}/tables`, { as: 'viewer' })
  expect(tables.body.tables[0]).toMatchObject({ name: 'users', rows: 2 })
  const masked = await ask('GET', `${backup}/tables/users/rows`, { as: 'operator' })
  expect(masked.text).not.toContain('secret-of-ada')
  expect(masked.body.masked).toMatchObject([{ column: 'password' }])
  expect((await ask('GET', `${backup}/tables/users/rows?reveal=true`, { as: 'operator' })).status).toBe(403)
  expect((await ask('GET', `${backup}/tables/users/rows?reveal=true`)).text).toContain('secret-of-ada')
  const sql = 'SELECT name, password FROM users ORDER BY id'
  const queried = await ask('POST', `${backup}/query`, { body: { sql }, as: 'operator' })
  expect(queried.body.rows).toEqual([
    ['Ada', null],
    ['Ben', null],
  ])
  expect((await ask('POST', `${backup}/query`, { body: { sql, reveal: true }, as: 'operator' })).status).toBe(
    403,
  )
  const wrong = await ask('POST', `${backup}/query`, { body: { sql: 'DELETE FROM users' } })
  expect(wrong.body.code).toBe('INVALID_ARGUMENT')
  const compared = await done(`${SHOP}/compare`, { from: null, to: filename })
  expect(compared).toMatchObject({ status: 'succeeded', result: { status: 'equal' } })
})

test('exports are made, listed, downloaded and deleted, the sensitive ones by admins alone', async () => {
  const serving = await openServing()
  const { ask, done, tokens } = serving
  const harmless = await done(`${SHOP}/exports`, { format: 'csv' }, { as: 'operator' })
  expect(harmless).toMatchObject({ status: 'succeeded', result: { sensitive: false } })
  expect(
    (await ask('POST', `${SHOP}/exports`, { body: { includeSensitive: true }, as: 'operator' })).status,
  ).toBe(403)
  expect(await done(`${SHOP}/exports`, { includeSensitive: true })).toMatchObject({ status: 'succeeded' })
  const { exports } = (await ask('GET', `${SHOP}/exports`)).body as {
    exports: { name: string; sensitive: boolean; format: string }[]
  }
  expect(exports.map(({ sensitive, format }) => `${format} ${sensitive}`).toSorted()).toEqual([
    'json true',
    'zip false',
  ])
  for (const { name, sensitive } of exports) {
    const address = `${serving.url}${SHOP}/exports/${name}/content`
    const asOperator = await fetch(address, { headers: { authorization: `Bearer ${tokens.operator}` } })
    expect(asOperator.status).toBe(sensitive ? 403 : 200)
    await asOperator.body?.cancel()
    const asAdmin = await fetch(address, { headers: { authorization: `Bearer ${tokens.admin}` } })
    expect((await asAdmin.text()).includes('secret-of-ada')).toBe(sensitive)
    expect((await ask('DELETE', `${SHOP}/exports/${name}`)).body).toMatchObject({ name })
  }
  expect((await ask('GET', `${SHOP}/exports`)).body.exports).toEqual([])
  expect(await done(`${SHOP}/scan`)).toMatchObject({ result: { findings: [{ column: 'password' }] } })
})

test('a cleanup deletes what its plan has shown, and a plan of another state is refused', async () => {
  const serving = await openServing()
  const { ask, done } = serving
  for (let i = 0; i < 3; i++) await done(`${SHOP}/backups`, { type: 'daily' })
  const policy = { daily: { keepLast: 1 } }
  const seen = (await ask('POST', `${SHOP}/cleanup-plan`, { body: { policy } })).body
  expect(seen.deleted).toHaveLength(2)
  const edited = await ask('PUT', `${SHOP}/retention`, { body: { policy, plan: seen.plan } })
  expect(edited.body.policy.daily).toEqual({ keepLast: 1 })
  const stale = (await ask('POST', `${SHOP}/cleanup-plan`, { body: {} })).body
  expect(stale.deleted).toHaveLength(2)
  await done(`${SHOP}/backups`, { type: 'daily' })
  expect((await ask('POST', `${SHOP}/cleanup`, { body: { plan: stale.plan } })).body.code).toBe('PLAN_STALE')
  const other = (await ask('POST', `${SHOP}/cleanup-plan`, { body: { policy: { daily: { keepLast: 2 } } } }))
    .body
  expect((await ask('POST', `${SHOP}/cleanup`, { body: { plan: other.plan } })).body.code).toBe('PLAN_STALE')
  const { plan } = (await ask('POST', `${SHOP}/cleanup-plan`, { body: {} })).body
  expect(await done(`${SHOP}/cleanup`, { plan })).toMatchObject({
    status: 'succeeded',
    result: { status: 'done' },
  })
  expect((await ask('GET', `${SHOP}/backups?type=daily`)).body.total).toBe(1)
  const simulated = await ask('POST', `${SHOP}/retention/simulate`, { body: { span: '10d' } })
  expect(simulated.body.days).toHaveLength(11)
})

test('settings, schedule, notifications, targets, metrics, history and verdict are answered', async () => {
  const serving = await openServing()
  const { ask } = serving
  expect((await ask('GET', SHOP)).body.verdict).toMatchObject({
    status: 'failing',
    reasons: ['There is no backup yet.'],
  })
  await backUp(serving)
  expect((await ask('GET', SHOP)).body.verdict).toEqual({
    status: 'protected',
    reasons: [expect.stringMatching(/was made (less than a|[1-9]\d*) minutes? ago\.$/)],
  })
  expect((await ask('GET', '/api/v1/databases')).body.databases).toMatchObject([
    { name: 'shop', isDefault: true },
  ])
  expect((await ask('GET', `${SHOP}/history`)).body.days).toMatchObject([{ backups: 1, damaged: 0 }])
  const schedule = { jobs: { daily: { cron: '30 1 * * *' }, weekly: false } }
  const edited = await ask('PUT', '/api/v1/schedule', { body: schedule })
  expect(edited.body.configured).toEqual(schedule)
  expect(edited.body.jobs.map((job: { name: string }) => job.name)).toEqual(['daily', 'cleanup', 'drill'])
  const wrong = await ask('PUT', '/api/v1/schedule', { body: { jobs: { daily: { cron: 'never' } } } })
  expect(wrong.body).toMatchObject({
    code: 'REQUEST_INVALID',
    status: 400,
    errors: [{ pointer: '#/jobs/daily/cron', detail: expect.stringContaining('no cron expression') }],
  })
  expect(await serving.done('/api/v1/schedule/jobs/daily/run')).toMatchObject({
    status: 'succeeded',
    result: { status: 'succeeded' },
  })
  expect((await ask('POST', '/api/v1/schedule/jobs/nothing/run', { body: {} })).status).toBe(404)
  expect((await ask('GET', '/api/v1/notifications')).body).toEqual({ channels: [] })
  expect((await ask('GET', '/api/v1/targets')).body).toEqual({ targets: [] })
  expect((await ask('GET', '/api/v1/settings')).body).toMatchObject({
    defaultDatabase: 'shop',
    editable: { isEditable: true },
  })
  expect((await ask('GET', '/api/v1/metrics')).text).toContain('# HELP chame_backup')
  const sheet = await ask('GET', '/api/v1/recovery-sheet')
  expect(sheet.headers.get('content-disposition')).toContain('recovery-sheet.txt')
  expect(sheet.text).toContain(serving.databasePath)
  expect((await ask('GET', '/readyz', { as: null })).body).toEqual({ status: 'ready' })
})

test('what is shown of the schedule can be saved as it is, whatever the configuration says of a job', async () => {
  const jobs = {
    weekly: false,
    early: {
      kind: 'backup',
      type: 'daily',
      cron: '0 1 * * *',
      timeZone: 'Europe/Berlin',
      databases: ['shop'],
      jitter: '10m',
      catchUpWindow: '1d',
      retries: 1,
      timeout: '1h',
    },
    again: { kind: 'verify', cron: '0 6 * * *', maxBackups: 5, maxTime: '30m' },
    copies: { kind: 'verify', cron: '0 7 * * *', copies: true, within: '30d' },
    share: { kind: 'verify', cron: '0 8 * * *', copies: true, share: '5%' },
  }
  const { ask } = await openServing({
    config: {
      databases: { shop: { path: 'shop.db', backupDir: 'backups' } },
      targets: { disk: { kind: 'local', path: 'elsewhere' } },
      schedule: { jobs, digest: false },
    },
  })
  const { configured } = (await ask('GET', '/api/v1/schedule')).body
  const saved = await ask('PUT', '/api/v1/schedule', {
    body: { ...configured, jobs: { ...configured.jobs, drill: { cron: '0 9 * * 0' } } },
  })
  expect(saved.status).toBe(200)
  expect(saved.body.configured).toEqual({ jobs: { ...jobs, drill: { cron: '0 9 * * 0' } }, digest: false })
})

test('who did what is in the audit log', async () => {
  const serving = await openServing()
  await backUp(serving)
  await serving.ask('POST', '/api/v1/tokens', { body: { name: 'new', role: 'viewer' } })
  const { body } = await serving.ask('GET', '/api/v1/audit', { as: 'operator' })
  expect(body.entries.slice(0, 2)).toMatchObject([
    { action: 'token-create', actor: { door: 'http', who: 'the admin' }, result: 'success' },
    { action: 'create', actor: { door: 'http', who: 'the operator' }, database: 'shop' },
  ])
  const { id } = await serving.done('/api/v1/schedule/jobs/daily/run', {}, { as: 'operator' })
  // It has ended: nothing is called off any more.
  await serving.ask('POST', `/api/v1/jobs/${id}/cancel`, { body: {} })
  const { entries } = (await serving.ask('GET', '/api/v1/audit')).body as {
    entries: { action: string; actor: { door: string; who: string } }[]
  }
  const said = entries.map(({ action, actor }) => `${action} ${actor.door}`)
  expect(said).toContain('create scheduler')
  expect(entries.find(({ action }) => action === 'job-run')).toMatchObject({
    actor: { door: 'http', who: 'the operator' },
    on: 'daily',
  })
  expect(said.join()).not.toContain('job-cancel')
  expect((await serving.ask('GET', '/api/v1/audit/verify')).body.status).toBe('intact')
})

test('a request that is sent again with its key is done once; with another body it is refused', async () => {
  const { ask } = await openServing()
  const headers = { 'idempotency-key': 'one' }
  const [first, second] = await Promise.all([
    ask('POST', `${SHOP}/backups`, { body: { description: 'a' }, headers }),
    ask('POST', `${SHOP}/backups`, { body: { description: 'a' }, headers }),
  ])
  expect(second.body.id).toBe(first.body.id)
  const other = await ask('POST', `${SHOP}/backups`, { body: { description: 'b' }, headers })
  expect(other.body).toMatchObject({ code: 'KEY_REUSED', status: 422 })
  const own = await ask('POST', `${SHOP}/backups`, { body: { description: 'b' }, headers, as: 'operator' })
  expect(own.status).toBe(202)
})

const REFUSED: readonly (readonly [string, string, unknown, string])[] = [
  ['GET', `${SHOP}/backups?limit=0`, undefined, 'REQUEST_INVALID'],
  ['GET', `${SHOP}/backups?sort=nothing`, undefined, 'REQUEST_INVALID'],
  ['POST', `${SHOP}/backups`, { unknown: 1 }, 'REQUEST_INVALID'],
  ['POST', `${SHOP}/backups`, '{"a":', 'REQUEST_INVALID'],
  ['POST', `${SHOP}/backups`, '', 'REQUEST_INVALID'],
  ['POST', `${SHOP}/compare`, { from: null, to: 'nothing.db' }, 'BACKUP_NOT_FOUND'],
  ['GET', '/api/v1/databases/other', undefined, 'DATABASE_NOT_FOUND'],
  ['GET', `${SHOP}/exports/nothing.json/content`, undefined, 'EXPORT_NOT_FOUND'],
  ['GET', '/api/v1/jobs/job_0123456789abcdef', undefined, 'NOT_FOUND'],
  ['DELETE', '/api/v1/tokens/0123456789abcdef', undefined, 'NOT_FOUND'],
]

test('what is not valid, or not there, is refused with a code of its own', async () => {
  const { ask } = await openServing()
  for (const [method, path, body, code] of REFUSED) {
    const headers = { 'content-type': 'application/json' }
    const answer = await ask(method, path, body === undefined ? {} : { body, headers })
    expect([method, path, answer.body.code]).toEqual([method, path, code])
  }
})

test('a job that fails says why, with the code of its operation', async () => {
  const serving = await openServing()
  writeFileSync(serving.databasePath, 'no database')
  const job = await serving.done(`${SHOP}/backups`)
  expect(job).toMatchObject({
    status: 'failed',
    result: null,
    problem: { code: 'DATABASE_INVALID', status: 422 },
  })
})
