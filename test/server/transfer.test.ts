/** The bytes of backups, out of the server and into it, in each form that they are stored in. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { generateKeys } from '../../src/index.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { backUp, openServing, type Serving } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

function download(serving: Serving, path: string, headers: Record<string, string> = {}): Promise<Response> {
  const authorization = `Bearer ${serving.tokens.admin}`
  return fetch(`${serving.url}${SHOP}/backups/${path}`, { headers: { authorization, ...headers } })
}

function upload(serving: Serving, bytes: Uint8Array): Promise<Response> {
  return fetch(`${serving.url}${SHOP}/backups/upload?description=From%20elsewhere`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${serving.tokens.admin}`,
      'content-type': 'application/octet-stream',
    },
    body: new Uint8Array(bytes),
  })
}

/** Where files are put together, or taken apart, and nothing is left behind. */
function isWork(name: string): boolean {
  return name.startsWith('.chame-work')
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** Serves `shop` with a configuration of more than its paths. */
function serveWith(more: object): Promise<Serving> {
  return openServing({ config: { databases: { shop: { path: 'shop.db', backupDir: 'backups' } }, ...more } })
}

test('a download answers ranges, and its name is safe in a header', async () => {
  const serving = await openServing()
  const filename = await backUp(serving)
  const headers = { authorization: `Bearer ${serving.tokens.admin}` }
  const address = `${serving.url}${SHOP}/backups/${filename}/content`
  const whole = await fetch(address, { headers })
  const bytes = Buffer.from(await whole.arrayBuffer())
  expect(bytes).toEqual(readFileSync(join(serving.backupDir, 'manual', filename)))
  expect(whole.headers.get('content-disposition')).toBe(
    `attachment; filename="${filename}"; filename*=UTF-8''${filename}`,
  )
  const etag = whole.headers.get('etag') ?? ''
  const part = await fetch(address, { headers: { ...headers, range: 'bytes=100-199', 'if-range': etag } })
  expect(part.status).toBe(206)
  expect(part.headers.get('content-range')).toBe(`bytes 100-199/${bytes.length}`)
  expect(Buffer.from(await part.arrayBuffer())).toEqual(bytes.subarray(100, 200))
  const changed = await fetch(address, {
    headers: { ...headers, range: 'bytes=100-199', 'if-range': '"other"' },
  })
  expect(changed.status).toBe(200)
  await changed.body?.cancel()
  const beyond = await serving.ask('GET', `${SHOP}/backups/${filename}/content`, {
    headers: { range: `bytes=${bytes.length}-` },
  })
  expect([beyond.status, beyond.headers.get('content-range')]).toEqual([416, `bytes */${bytes.length}`])
  const head = await fetch(address, { method: 'HEAD', headers })
  expect([head.status, head.headers.get('content-length')]).toEqual([200, String(bytes.length)])
})

test('an uploaded file is listed once it was found intact, and what is none is refused', async () => {
  const serving = await openServing()
  const filename = await backUp(serving)
  const bytes = readFileSync(join(serving.backupDir, 'manual', filename))
  const added = await upload(serving, bytes)
  expect(added.status).toBe(201)
  const location = added.headers.get('location') ?? ''
  expect((await serving.ask('GET', location)).body).toMatchObject({
    description: 'From elsewhere',
    createdBy: 'the admin',
    metadata: { check: 'full', tables: { users: 2 } },
  })
  const damaged = Buffer.from(bytes).fill(0xff, 4096)
  for (const [body, code] of [
    [damaged, 'BACKUP_DAMAGED'],
    [zstdCompressSync(damaged), 'BACKUP_DAMAGED'],
    [zstdCompressSync(bytes).subarray(0, -10), 'BACKUP_DAMAGED'],
    [zstdCompressSync(Buffer.from('compressed, but no database')), 'BACKUP_DAMAGED'],
    [Buffer.from('not a database at all, but long enough'), 'BACKUP_UNSUPPORTED'],
    [Buffer.from('age-encryption.org/v1\n'), 'BACKUP_UNSUPPORTED'],
    [Buffer.from('SQLite'), 'BACKUP_UNSUPPORTED'],
  ] as const) {
    expect(await (await upload(serving, body)).json()).toMatchObject({ code })
  }
  expect(readdirSync(join(serving.backupDir, 'server')).filter(isWork)).toEqual([])
  expect((await serving.ask('GET', `${SHOP}/backups`)).body.total).toBe(2)
  const compared = await serving.done(`${SHOP}/compare`, {
    from: filename,
    to: decodeURIComponent(location.split('/').at(-1) ?? ''),
  })
  expect(compared).toMatchObject({ result: { status: 'equal' } })
})

test('a backup that is compressed is downloaded as it is stored, or as the database in it, and both can be uploaded', async () => {
  const serving = await serveWith({ encoding: 'zstd' })
  const filename = await backUp(serving)
  expect(filename).toMatch(/\.db\.zst$/)
  const stored = Buffer.from(await (await download(serving, `${filename}/content`)).arrayBuffer())
  expect(stored).toEqual(readFileSync(join(serving.backupDir, 'manual', filename)))
  const answer = await download(serving, `${filename}/content?form=database`, { range: 'bytes=5-9' })
  const database = Buffer.from(await answer.arrayBuffer())
  expect([answer.status, answer.headers.get('accept-ranges')]).toEqual([200, 'none'])
  expect(answer.headers.get('content-disposition')).toContain(`"${filename.replace('.zst', '')}"`)
  const { metadata } = (await serving.ask('GET', `${SHOP}/backups/${filename}`)).body
  expect(sha256(database)).toBe(metadata.image_checksum)
  expect(readdirSync(join(serving.backupDir, 'server')).filter(isWork)).toEqual([])
  for (const bytes of [stored, database]) {
    const { backup } = (await (await upload(serving, bytes)).json()) as { backup: { filename: string } }
    expect(backup).toMatchObject({
      encoding: 'zstd',
      metadata: { image_checksum: metadata.image_checksum, tables: { users: 2 }, check: 'full' },
    })
    expect(await serving.done(`${SHOP}/backups/${backup.filename}/verify`)).toMatchObject({
      result: { status: 'intact' },
    })
  }
  const { entries } = (await serving.ask('GET', '/api/v1/audit')).body
  const downloads = entries.filter(({ action }: { action: string }) => action === 'download')
  expect(downloads.map((each: { parameters: object }) => each.parameters)).toEqual([
    { form: 'database' },
    { form: 'stored' },
  ])
})

test('of a backup that is damaged, or encrypted to a key that is elsewhere, no byte of a database is sent', async () => {
  const { recipient, identityPath } = succeeded(
    await generateKeys({ output: join(temporaryDirectory(), 'key.txt') }),
  )
  const more = { encoding: 'zstd+age', encryption: { recipients: [recipient] } }
  const serving = await serveWith(more)
  const filename = await backUp(serving)
  const database = `${filename}/content?form=database`
  const pages = await serveWith({ ...more, encoding: 'blocks' })
  expect(await (await upload(pages, readFileSync(pages.databasePath))).json()).toMatchObject({
    backup: { encoding: 'zstd+age' },
  })
  expect(await (await download(serving, database)).json()).toMatchObject({ code: 'KEY_REQUIRED' })
  const opened = await serveWith({
    ...more,
    encryption: { ...more.encryption, identities: [{ file: identityPath }] },
  })
  const plain = readFileSync(opened.databasePath)
  // What is added is not left in the clear.
  const { backup } = (await (await upload(opened, plain)).json()) as {
    backup: { filename: string; path: string }
  }
  expect(backup).toMatchObject({ encoding: 'zstd+age' })
  const sent = await download(opened, `${backup.filename}/content?form=database`)
  expect(Buffer.from(await sent.arrayBuffer())).toEqual(plain)
  const stored = readFileSync(backup.path)
  expect(stored.includes('SQLite format 3')).toBe(false)
  writeFileSync(backup.path, stored.fill(0, stored.length - 20))
  expect(await (await download(opened, `${backup.filename}/content?form=database`)).json()).toMatchObject({
    code: 'BACKUP_DAMAGED',
  })
  expect(readdirSync(join(opened.backupDir, 'server')).filter(isWork)).toEqual([])
})
