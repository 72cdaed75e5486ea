import { expect, test } from 'vitest'
import type { Role } from '../../src/index.ts'
import { makeApp } from '../../src/server/app.ts'
import { isAllowed, type Permission, PERMISSIONS } from '../../src/server/permissions.ts'
import type { Service } from '../../src/server/environment.ts'
import { documentOf, openServing } from './serving.ts'

const ROLES: readonly Role[] = ['viewer', 'operator', 'admin']

test('every route is in the table of permissions, and the table has no other', () => {
  const app = makeApp({} as Service, { hosts: new Set(), consoleDirectory: null })
  const routes = app.routes
    .filter(({ method }) => method !== 'ALL')
    .map(({ method, path }) => `${method} ${path}`)
  expect([...new Set(routes)].toSorted()).toEqual(Object.keys(PERMISSIONS).toSorted())
})

test('only what has to be can be called by nobody', () => {
  const open = Object.entries(PERMISSIONS).filter(([, permission]) => permission === 'public')
  expect(open.map(([route]) => route)).toEqual([
    'GET /healthz',
    'GET /readyz',
    'GET /api/v1/openapi.json',
    'GET /api/reference',
    'GET /api/reference/:file',
    'GET /*',
    'POST /api/v1/session',
  ])
})

test('what destroys, restores, adds or reads all data is for admins alone', () => {
  const admin = Object.entries(PERMISSIONS).filter(([, permission]) => permission === 'admin')
  expect(admin.map(([route]) => route).toSorted()).toEqual(
    [
      'DELETE /api/v1/databases/:database/backups/:backup',
      'DELETE /api/v1/databases/:database/backups/:backup/pin',
      'DELETE /api/v1/databases/:database/exports/:export',
      'DELETE /api/v1/tokens/:token',
      'GET /api/v1/databases/:database/backups/:backup/content',
      'GET /api/v1/recovery-sheet',
      'GET /api/v1/tokens',
      'POST /api/v1/databases/:database/backups/:backup/restore',
      'POST /api/v1/databases/:database/backups/:backup/restore-plan',
      'POST /api/v1/databases/:database/backups/upload',
      'POST /api/v1/databases/:database/cleanup',
      'POST /api/v1/notifications/test',
      'POST /api/v1/targets/:target/check',
      'POST /api/v1/tokens',
      'PUT /api/v1/databases/:database/retention',
      'PUT /api/v1/schedule',
    ].toSorted(),
  )
})

test('each route lets in the roles of the table, and refuses nobody, strangers and all others', async () => {
  const serving = await openServing()
  const routes = Object.entries(PERMISSIONS).filter(([, permission]) => permission !== 'public')
  for (const [route, permission] of routes as [string, Exclude<Permission, 'public'>][]) {
    const [method = '', template = ''] = route.split(' ')
    // Names of nothing: who is let in finds that there is no such thing, and changes nothing.
    const path = template
      .replace(':database', 'nothing')
      .replace(':backup', 'nothing.db')
      .replace(':job', template.includes('schedule') ? 'nothing' : 'job_0000000000000000')
      .replace(':token', '0000000000000000')
      .replaceAll(/:\w+/g, 'nothing')
    const sent = method === 'GET' || method === 'DELETE' ? {} : { body: '[]' }
    const nobody = await serving.ask(method, path, { ...sent, as: null, ...typed(path) })
    expect([route, nobody.status, nobody.body?.code]).toEqual([route, 401, 'UNAUTHENTICATED'])
    for (const role of ROLES) {
      // The last one revokes itself otherwise.
      if (route === 'DELETE /api/v1/session') continue
      const { status } = await serving.ask(method, path, { ...sent, as: role, ...typed(path) })
      expect([route, role, status === 403]).toEqual([route, role, !isAllowed(role, permission)])
      expect([route, role, status === 401]).toEqual([route, role, false])
    }
  }
})

/** The one body that is no JSON. */
function typed(path: string): { headers?: Record<string, string> } {
  return path.endsWith('/upload') ? { headers: { 'content-type': 'application/octet-stream' } } : {}
}

test('the document names the role of each operation', async () => {
  const { url } = await openServing()
  const document = await documentOf(url)
  for (const [path, item] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(item)) {
      const route = `${method.toUpperCase()} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`
      expect([route, operation['x-role']]).toEqual([route, PERMISSIONS[route]])
    }
  }
})

test('what is not in the table is not there', async () => {
  const { ask } = await openServing()
  const paths = [
    '/api/v1/nothing',
    '/api/v1/databases/../../etc/passwd',
    '/api/v2/databases',
    `/api/v1/databases/shop/x`,
  ]
  for (const path of paths) {
    expect([path, (await ask('GET', path)).status]).toEqual([path, 404])
    expect([path, (await ask('POST', path, { body: {} })).status]).toEqual([path, 404])
  }
})

test('HEAD asks for what GET does', async () => {
  const { url, tokens } = await openServing()
  expect((await fetch(`${url}/api/v1/tokens`, { method: 'HEAD' })).status).toBe(401)
  const headers = { authorization: `Bearer ${tokens.viewer}` }
  expect((await fetch(`${url}/api/v1/tokens`, { method: 'HEAD', headers })).status).toBe(403)
})
