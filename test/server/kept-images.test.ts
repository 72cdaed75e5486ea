/** Looking into backups that are not plain, or not here: what is fetched or decoded for it is kept for a while. */
import { randomBytes } from 'node:crypto'
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Administration, Database } from '../../src/index.ts'
import { signal, untilEnded } from '../crash/processes.ts'
import { buildDatabase, openDatabase } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { type Bucket, openBucket } from './bucket.ts'
import { closed, dial } from './dial.ts'
import { processTree, serveProcess } from './serve-process.ts'
import { backUp, openServing, type Serving, USERS } from './serving.ts'

const SHOP = '/api/v1/databases/shop'
const DATABASES = { shop: { path: 'shop.db', backupDir: 'backups' } }

function s3At({ endpoint }: Bucket): object {
  const secretAccessKey = { env: 'BUCKET_SECRET' }
  return { kind: 's3', bucket: 'bucket', endpoint, accessKeyId: 'a', secretAccessKey }
}

/** The images that are kept below a backup directory. */
function imagesIn(backupDir: string): string[] {
  return filesBelow(backupDir).filter(name => name.endsWith('-image.db'))
}

/** The directories of work that is under way, or was. */
function workIn(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory).filter(name => name.startsWith('.chame-work-'))
}

/** Looks into a backup as somebody does who turns pages and tries a query. */
async function look({ ask }: Serving, filename: string, query: string): Promise<void> {
  const backup = `${SHOP}/backups/${filename}`
  const tables = await ask('GET', `${backup}/tables${query}`)
  expect(tables.body).toMatchObject({ tables: [{ name: 'users', rows: 2 }] })
  for (const offset of [0, 1]) {
    const page = await ask(
      'GET',
      `${backup}/tables/users/rows${query}${query === '' ? '?' : '&'}limit=1&offset=${offset}`,
    )
    expect(page.body.rows).toHaveLength(1)
  }
  const asked = await ask('POST', `${backup}/query${query}`, { body: { sql: 'SELECT count(*) FROM users' } })
  expect(asked.body.rows).toEqual([[2]])
}

test('a backup at a target is fetched once by who looks into it, turns its pages, queries and compares it', async () => {
  // Before the first engine process is started, which is given it.
  vi.stubEnv('BUCKET_SECRET', 'x')
  onTestFinished(() => void vi.unstubAllEnvs())
  const serving = await openServing({
    config: { databases: DATABASES, targets: { far: { kind: 'local', path: 'far' } } },
  })
  mkdirSync(join(serving.directory, 'far'))
  const first = await backUp(serving)
  const connection = openDatabase(serving.databasePath)
  connection.exec('CREATE TABLE orders (id INTEGER PRIMARY KEY)')
  connection.close()
  const second = await backUp(serving)
  const bucket = await openBucket(join(serving.directory, 'far'))
  const config = { databases: DATABASES, targets: { s3: s3At(bucket) } }
  writeFileSync(join(serving.directory, 'chame-backup.config.json'), JSON.stringify(config))

  // Several at once share it, too.
  await Promise.all([look(serving, first, '?target=s3'), look(serving, first, '?target=s3')])
  for (const [status, more] of [
    ['different', {}],
    ['equal', { table: 'users' }],
  ] as const) {
    const compared = await serving.done(`${SHOP}/compare`, { from: null, to: first, target: 's3', ...more })
    expect(compared).toMatchObject({ status: 'succeeded', result: { status } })
  }
  expect(bucket.gets(`manual/${first}`)).toBe(1)
  expect(imagesIn(serving.backupDir)).toHaveLength(1)

  const both = { from: second, fromTarget: 's3', to: first, target: 's3' }
  expect(await serving.done(`${SHOP}/compare`, both)).toMatchObject({ result: { status: 'different' } })
  expect(await serving.done(`${SHOP}/compare`, both)).toMatchObject({ result: { status: 'different' } })
  expect([bucket.gets(`manual/${first}`), bucket.gets(`manual/${second}`)]).toEqual([1, 1])
  expect(await serving.done(`${SHOP}/compare`, { from: first, to: second })).toMatchObject({
    result: { status: 'different' },
  })

  await serving.server.close(5000)
  expect(imagesIn(serving.backupDir)).toEqual([])
  expect(workIn(join(serving.backupDir, 'server'))).toEqual([])
})

test('a backup that takes longer to be fetched than a silent connection is kept can be looked into', async () => {
  vi.stubEnv('BUCKET_SECRET', 'x')
  onTestFinished(() => void vi.unstubAllEnvs())
  const serving = await openServing({
    config: { databases: DATABASES, targets: { far: { kind: 'local', path: 'far' } } },
  })
  mkdirSync(join(serving.directory, 'far'))
  const filename = await backUp(serving)
  const { promise, resolve } = Promise.withResolvers<void>()
  const bucket = await openBucket(join(serving.directory, 'far'), promise)
  const config = { databases: DATABASES, targets: { s3: s3At(bucket) } }
  writeFileSync(join(serving.directory, 'chame-backup.config.json'), JSON.stringify(config))
  const { address: url } = await serving.start({ silentMsMax: 1000 })
  const headers = { authorization: `Bearer ${serving.tokens.admin}` }
  // Once more where a busy machine did not begin to fetch it in time.
  const beginLooking = async (): Promise<() => Promise<number | null>> => {
    let isEnded = false
    const answer = fetch(`${url}${SHOP}/backups/${filename}/tables?target=s3`, { headers })
      .then(
        ({ status }) => status,
        () => null,
      )
      .finally(() => (isEnded = true))
    const isFetched = (): boolean => bucket.gets(`manual/${filename}`) > 0
    await expect.poll(() => isEnded || isFetched(), { timeout: 60_000 }).toBe(true)
    return isFetched() ? () => answer : await beginLooking()
  }
  const answer = await beginLooking()
  // Nothing moves on this one either, and from later on.
  await closed(dial({ url }))
  resolve()
  expect(await answer()).toBe(200)
})

test('a compressed backup is decoded once, into a file and a directory that only we can read', async () => {
  const serving = await openServing({ config: { databases: DATABASES, encoding: 'zstd' } })
  const filename = await backUp(serving)
  await look(serving, filename, '')
  const [kept = '', ...others] = imagesIn(serving.backupDir)
  expect(others).toEqual([])
  const stats = lstatSync(join(serving.backupDir, kept))
  expect(stats.mode & 0o777).toBe(0o600)
  expect(lstatSync(join(serving.backupDir, kept, '..')).mode & 0o777).toBe(0o700)
  await look(serving, filename, '')
  expect(imagesIn(serving.backupDir)).toEqual([kept])
  expect(lstatSync(join(serving.backupDir, kept)).ino).toBe(stats.ino)
})

test('of a backup whose checksum nobody has noted nothing is kept, as nobody could say that it is the same again', async () => {
  const serving = await openServing({ config: { databases: DATABASES, encoding: 'zstd' } })
  const filename = await backUp(serving)
  rmSync(join(serving.backupDir, 'metadata', `${filename}.json`))
  await look(serving, filename, '')
  expect(workIn(join(serving.backupDir, 'server'))).toEqual([])
  expect(workIn(serving.backupDir)).toEqual([])
})

test('a backup that is not what was stored is refused again and again, and nothing of it is kept', async () => {
  const serving = await openServing({ config: { databases: DATABASES, encoding: 'zstd' } })
  const filename = await backUp(serving)
  writeFileSync(join(serving.backupDir, 'manual', filename), randomBytes(1000))
  for (let i = 0; i < 2; i++) {
    const answer = await serving.ask('GET', `${SHOP}/backups/${filename}/tables`)
    expect(answer.body).toMatchObject({ code: 'BACKUP_DAMAGED' })
  }
  expect(workIn(join(serving.backupDir, 'server'))).toEqual([])
  expect(workIn(serving.backupDir)).toEqual([])
})

testWith(
  ['linux'],
  'what a server that is killed had kept, and was unpacking for a download, is for nobody else, and the next one removes it',
  async () => {
    const directory = temporaryDirectory()
    const backupDir = join(directory, 'backups')
    buildDatabase(join(directory, 'shop.db'), USERS)
    const connection = openDatabase(join(directory, 'shop.db'))
    connection.prepare('CREATE TABLE files AS SELECT ? AS bytes').run(randomBytes(4_000_000))
    connection.close()
    mkdirSync(join(directory, 'far'))
    const config = join(directory, 'chame-backup.config.json')
    const configure = (more: object): void =>
      writeFileSync(
        config,
        JSON.stringify({
          databases: DATABASES,
          keepLocal: false,
          targets: { far: { kind: 'local', path: 'far', ...more } },
        }),
        { mode: 0o600 },
      )
    configure({})
    const { backup } = { backup: succeeded(await new Database({ config }).createBackup()).filename }
    const { secret } = succeeded(
      await new Administration({ config }).createToken({ name: 'a', role: 'admin' }),
    )
    const headers = { authorization: `Bearer ${secret}` }
    const { url, pid, child } = await serveProcess(directory)
    expect((await fetch(`${url}${SHOP}/backups/${backup}/tables`, { headers })).status).toBe(200)
    expect(imagesIn(backupDir)).toHaveLength(1)
    // So slowly that it is killed before it has come.
    configure({ bandwidth: '100kB' })
    const download = fetch(`${url}${SHOP}/backups/${backup}/content?form=database`, { headers }).catch(
      () => null,
    )
    await expect.poll(() => workIn(backupDir).length, { timeout: 30_000 }).toBe(1)
    const exited = once(child, 'exit')
    const tree = processTree(pid)
    for (const each of tree) signal(each, 'SIGKILL')
    await exited
    await untilEnded(tree)
    await download

    const server = join(backupDir, 'server')
    const left = [
      ...workIn(server).map(name => join(server, name)),
      ...workIn(backupDir).map(name => join(backupDir, name)),
    ]
    expect(left.length).toBeGreaterThanOrEqual(3)
    for (const path of left) expect(lstatSync(path).mode & 0o077).toBe(0)
    for (const name of filesBelow(backupDir))
      expect([name, lstatSync(join(backupDir, name)).mode & 0o077]).toEqual([name, 0])

    configure({})
    await serveProcess(directory)
    expect(left.filter(existsSync)).toEqual([])
    expect([...workIn(server), ...workIn(backupDir)]).toEqual([])
  },
)
