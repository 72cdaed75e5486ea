/** Clients that are slow, large, many or broken: RELIABILITY.md row 42. */
import { expect, test } from 'vitest'
import { all, closed, dial, drained } from './dial.ts'
import { openServing } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

test('clients that send headers or a body byte by byte are cut off, and hold up nobody else', async () => {
  const serving = await openServing()
  const slow = Array.from({ length: 200 }, () => {
    const socket = dial(serving)
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\nX-Slow: ')
    return socket
  })
  const body = dial(serving)
  body.write(
    `POST ${SHOP}/backups HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n` +
      `Authorization: Bearer ${serving.tokens.admin}\r\n\r\n{`,
  )
  const drip = setInterval(() => [...slow, body].forEach(socket => socket.writable && socket.write(' ')), 500)
  try {
    expect((await serving.ask('GET', '/healthz', { as: null })).status).toBe(200)
    const answers = await Promise.all([...slow, body].map(all))
    expect(
      answers
        .slice(0, -1)
        .every(text => text.startsWith('HTTP/1.1 408') && text.includes('content-security-policy')),
    ).toBe(true)
    expect(answers.at(-1)).toMatch(/^HTTP\/1\.1 408/)
  } finally {
    clearInterval(drip)
  }
  expect((await serving.ask('GET', '/healthz', { as: null })).status).toBe(200)
})

test('a body of a gigabyte is refused before it is read, with its length or without', async () => {
  const serving = await openServing()
  const head = (more: string): string =>
    `POST ${SHOP}/backups HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n${more}\r\n` +
    `Authorization: Bearer ${serving.tokens.admin}\r\n\r\n`
  const said = dial(serving)
  said.write(head('Content-Length: 1073741824'))
  expect(await all(said)).toMatch(/^HTTP\/1\.1 413/)

  const unsaid = dial(serving)
  unsaid.write(head('Transfer-Encoding: chunked'))
  const chunk = Buffer.concat([Buffer.from('10000\r\n'), Buffer.alloc(1 << 16, 0x20), Buffer.from('\r\n')])
  let sent = 0
  const answer = all(unsaid)
  while (!unsaid.destroyed && sent < 1 << 30) {
    sent += chunk.length
    if (!unsaid.write(chunk)) await Promise.race([drained(unsaid), closed(unsaid)])
  }
  expect(sent).toBeLessThan(64 << 20)
  // Whoever goes on sending may lose the answer with the connection.
  expect(await answer).toMatch(/^(HTTP\/1\.1 413|$)/)
  expect((await serving.ask('GET', '/healthz', { as: null })).status).toBe(200)
})

test('an upload is refused before it is read to those who may not add one', async () => {
  const serving = await openServing()
  const socket = dial(serving)
  socket.write(
    `POST ${SHOP}/backups/upload HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/octet-stream\r\n` +
      `Content-Length: 1073741824\r\nConnection: close\r\nAuthorization: Bearer ${serving.tokens.operator}\r\n\r\nSQLite`,
  )
  expect(await all(socket)).toMatch(/^HTTP\/1\.1 403/)
})

const MALFORMED: readonly (readonly [string, number])[] = [
  [Array.from({ length: 10_000 }, (_, i) => `X-${i}: a\r\n`).join(''), 431],
  [`X-Long: ${'a'.repeat(20_000)}\r\n`, 431],
  ['X-Nul: a\0b\r\n', 400],
  ['Content-Length: 1\r\nContent-Length: 2\r\n', 400],
  ['Content-Length: 1\r\nTransfer-Encoding: chunked\r\n', 400],
]

test('10,000 headers, one of 20 kB, with a NUL, two lengths, a length and chunks: all are refused', async () => {
  const serving = await openServing()
  for (const [headers, status] of MALFORMED) {
    const socket = dial(serving)
    socket.write(`GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`)
    const answer = await all(socket)
    expect([headers.slice(0, 40), answer]).toEqual([
      headers.slice(0, 40),
      expect.stringMatching(new RegExp(`^HTTP/1\\.1 ${status}`)),
    ])
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ status, code: expect.any(String) })
  }
})

test('a request without a host, or with none of ours, is refused', async () => {
  const serving = await openServing()
  for (const host of ['', 'Host: \r\n', 'Host: evil.example\r\n']) {
    const socket = dial(serving)
    socket.write(`GET /healthz HTTP/1.1\r\n${host}Connection: close\r\n\r\n`)
    expect(await all(socket)).toMatch(/^HTTP\/1\.1 4(00|21)/)
  }
})

test('a body that is no JSON, or not what is asked for, is refused as not valid', async () => {
  const { ask } = await openServing()
  const bodies = ['{', '{"description":', 'nothing', '[]', '"text"', '{"description":1}', '['.repeat(500_000)]
  for (const body of bodies) {
    const headers = { 'content-type': 'application/json' }
    const answer = await ask('POST', `${SHOP}/backups`, { body, headers })
    expect([body.slice(0, 40), answer.body]).toMatchObject([
      body.slice(0, 40),
      { status: 400, code: 'REQUEST_INVALID' },
    ])
  }
})
