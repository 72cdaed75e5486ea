/** The security checklist of docs/security.md: 1, who can reach the server, and 6, by which name. */
import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { listen } from '../../src/server/listen.ts'
import { readTls, requireSafeAddress, startServer } from '../../src/server/serve.ts'
import { makeCertificate } from '../notify/certificates.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { openServing } from './serving.ts'

const NO_TLS = { socket: null, tls: null }

const TLS = { socket: null, tls: { cert: Buffer.from(''), key: Buffer.from('') } }

test.each([
  ['127.0.0.1', NO_TLS, false, true],
  ['127.8.8.8', NO_TLS, false, true],
  ['localhost', NO_TLS, false, true],
  ['::1', NO_TLS, false, true],
  ['0.0.0.0', NO_TLS, false, false],
  ['::', NO_TLS, false, false],
  ['192.168.1.5', NO_TLS, false, false],
  ['127.0.0.1.evil.example', NO_TLS, false, false],
  ['backup.example', NO_TLS, false, false],
  ['0.0.0.0', TLS, false, true],
  ['0.0.0.0', NO_TLS, true, true],
  ['0.0.0.0', { socket: '/run/x.sock', tls: null }, false, true],
])('1: listening on %s with %j, remote allowed %s, is allowed: %s', (host, more, allowRemote, isAllowed) => {
  const start = (): void => requireSafeAddress({ host, ...more }, { allowRemote })
  if (isAllowed) expect(start).not.toThrow()
  else expect(start).toThrow(/no TLS/)
})

test('1: a socket of the file system is its owner’s alone, and replaces only one that nobody listens on', async () => {
  const path = join(temporaryDirectory(), 'server.sock')
  const { server } = await openServing({ serve: { socket: path } })
  expect(server.address).toBe(path)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(await overSocket(path, 'localhost')).toBe(200)
  expect(await overSocket(path, 'evil.example')).toBe(421)
  await expect(startServer({ ...SERVE, socket: path, database: {} })).rejects.toThrow(/something already/)
})

test('1: what else is made while the server begins to listen on a socket has the mode that it always has', async () => {
  const directory = temporaryDirectory()
  const socket = join(directory, 'server.sock')
  const fetch = (): Response => new Response(null)
  let isListening = false
  const beginning = listen(fetch, { host: '', port: 0, socket, tls: null })
  const begun = beginning.finally(() => (isListening = true))
  const modes = new Set<number>()
  for (let i = 0; !isListening; i++) {
    const made = join(directory, String(i))
    mkdirSync(made)
    modes.add(statSync(made).mode & 0o777)
    await new Promise(resolve => setImmediate(resolve))
  }
  await (await begun).close()
  expect([...modes]).toEqual([0o777 & ~process.umask()])
})

test('1: a socket that cannot be made is told with what to do about it', async () => {
  const socket = join(temporaryDirectory(), 'nowhere', 'server.sock')
  await expect(startServer({ ...SERVE, socket, database: {} })).rejects.toMatchObject({
    code: 'IO_FAILED',
    hint: expect.stringMatching(/--socket/),
  })
})

test('1: a configuration that is not valid, or a certificate that is none, is told at the start', async () => {
  const directory = temporaryDirectory()
  const path = (name: string): string => join(directory, name)
  writeFileSync(path('bad.config.json'), '{"databases":1}')
  const database = { config: path('bad.config.json') }
  await expect(startServer({ ...SERVE, socket: null, database })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  })
  const [pair, other] = [makeCertificate(), makeCertificate()]
  writeFileSync(path('cert.pem'), pair.cert)
  writeFileSync(path('key.pem'), pair.key)
  writeFileSync(path('other.pem'), other.key)
  expect(await readTls(path('cert.pem'), path('key.pem'))).toMatchObject({ cert: expect.any(Buffer) })
  expect(await readTls(undefined, undefined)).toBe(null)
  for (const [cert, key] of [
    ['cert.pem', undefined],
    ['cert.pem', 'missing.pem'],
    ['cert.pem', 'other.pem'],
    ['bad.config.json', 'key.pem'],
  ] as const) {
    await expect(readTls(path(cert), key === undefined ? key : path(key))).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  }
})

const SERVE = {
  host: '127.0.0.1',
  port: 0,
  tls: null,
  allowedHosts: [],
  log: { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} },
}

function overSocket(socketPath: string, host: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request({ socketPath, path: '/healthz', headers: { host } }, answer => {
      answer.resume()
      resolve(answer.statusCode)
    })
      .on('error', reject)
      .end()
  })
}

test('6: a request for a host that is none of ours is refused', async () => {
  const { url } = await openServing()
  const { hostname, port } = new URL(url)
  const hosts = ['evil.example', 'localhost.evil.example', '127.0.0.1.nip.io', '[::2]']
  for (const host of hosts) {
    const status = await new Promise((resolve, reject) => {
      request({ hostname, port, path: '/healthz', headers: { host } }, answer =>
        resolve(answer.resume().statusCode),
      )
        .on('error', reject)
        .end()
    })
    expect([host, status]).toEqual([host, 421])
  }
})
