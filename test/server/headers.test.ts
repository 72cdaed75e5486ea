/** The security checklist of docs/security.md: 7, what every answer carries. */
import type { IncomingHttpHeaders } from 'node:http'
import { request } from 'node:https'
import { expect, test } from 'vitest'
import { CONTENT_SECURITY_POLICY } from '../../src/server/headers.ts'
import { PERMISSIONS } from '../../src/server/permissions.ts'
import { makeCertificate } from '../notify/certificates.ts'
import { openServing } from './serving.ts'

test('7: every answer carries the security headers, errors and files too', async () => {
  const serving = await openServing()
  const asked = [
    ...Object.keys(PERMISSIONS).map(route => route.replaceAll(/:\w+/g, 'nothing').replace('*', 'x')),
    'GET /api/v1/nothing',
    'POST /nothing',
    'GET /api/reference/reference.js',
  ]
  for (const route of asked) {
    const [method = '', path = ''] = route.split(' ')
    for (const as of ['admin', null] as const) {
      const { headers } = await serving.ask(method, path, { as })
      expect([route, headers.get('content-security-policy')]).toEqual([route, CONTENT_SECURITY_POLICY])
      expect(Object.fromEntries(headers)).toMatchObject({
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      })
      expect([route, headers.get('cache-control')]).not.toEqual([route, null])
    }
  }
  expect(CONTENT_SECURITY_POLICY).not.toMatch(/unsafe|https?:|\*/)
  const page = await serving.ask('GET', '/api/reference', { as: null })
  expect(page.text).not.toMatch(/<script(?![^>]*src=")|\son\w+=|style=|https?:\/\//)
})

test('7: under TLS the cookie is bound to this host, and browsers are told to stay with TLS', async () => {
  const pair = makeCertificate()
  const serving = await openServing({
    serve: { tls: { cert: Buffer.from(pair.cert), key: Buffer.from(pair.key) } },
  })
  const body = JSON.stringify({ token: serving.tokens.admin })
  const { hostname, port } = new URL(serving.url)
  const headers = await new Promise<IncomingHttpHeaders>((resolve, reject) => {
    const options = {
      hostname,
      port,
      path: '/api/v1/session',
      method: 'POST',
      rejectUnauthorized: false,
      headers: { 'content-type': 'application/json' },
    }
    request(options, answer => resolve(answer.resume().headers))
      .on('error', reject)
      .end(body)
  })
  expect(headers['set-cookie']?.[0]).toMatch(/^__Host-chame-backup=.*; Secure/)
  expect(headers['strict-transport-security']).toMatch(/max-age=63072000/)
})
