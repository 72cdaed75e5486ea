/** The way of a backup to a real bucket and back, as a machine that is lost goes it. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import {
  CreateBucketCommand,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect } from 'vitest'
import { Database } from '../../src/index.ts'
import { canStart } from '../storage/servers/daemon.ts'
import { startForwarder } from '../storage/servers/forwarder.ts'
import { RGW_NEEDS, type Rgw, startRgw } from '../storage/servers/rgw.ts'
import { makeBucket, s3Client, s3Config } from '../storage/servers/s3-server.ts'
import { assertIntact } from '../support/intact.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { lineFaults } from './lines.ts'
import { onlyThere } from './only-there.ts'
import { openPlace } from './place.ts'
import { sealedRoundTrips } from './sealed.ts'

let server: Rgw
let client: S3Client

beforeAll(async () => {
  if (!canStart(RGW_NEEDS)) return
  server = await startRgw()
  Object.assign(process.env, server.environment)
  client = s3Client(server)
  await client.send(new CreateBucketCommand({ Bucket: 'backups' }))
  await client.send(new CreateBucketCommand({ Bucket: 'locked', ObjectLockEnabledForBucket: true }))
})
afterAll(async () => {
  client?.destroy()
  await server?.[Symbol.asyncDispose]()
})

testWith(
  RGW_NEEDS,
  'a backup is copied to a bucket; when the machine is lost another one restores it from there alone',
  async () => {
    const place = openPlace([])
    place.configure({ targets: { s3: s3Config(server, { bucket: 'backups', prefix: 'apps/ledger' }) } })
    for (const encoding of ['plain', 'zstd'] as const) {
      const made = succeeded(await place.database().createBackup({ encoding }))
      expect(made.targets).toMatchObject([{ name: 's3', status: 'copied', bytes: made.metadata.file_size }])
    }
    expect(await place.database().listBackups()).toMatchObject([{ copies: ['s3'] }, { copies: ['s3'] }])

    rmSync(place.backupDir, { recursive: true })
    rmSync(place.databasePath)
    const there = await place.database().listBackups({ target: 's3' })
    expect(there.map(({ encoding }) => encoding)).toEqual(['zstd', 'plain'])
    for (const { filename } of there) {
      const to = place.path(`${filename}.restored`)
      // In an engine process of its own, as a program calls it.
      const database = new Database({
        path: place.databasePath,
        backupDir: place.backupDir,
        config: place.config,
      })
      succeeded(await database.restoreBackup(filename, { target: 's3', to }))
      expect(assertIntact(to).commits).toBe(20)
    }
    const latest = { backup: 'latest', target: 's3' }
    expect(succeeded(await place.database().drillBackup(latest)).status).toBe('passed')
    const verified = succeeded(await place.database().verifyBackup('latest', { target: 's3', record: true }))
    expect(verified).toMatchObject({ status: 'intact', recorded: true })
    const oldest = there.at(-1)?.filename ?? ''
    succeeded(await place.database().deleteBackup(oldest, { target: 's3', confirm: true }))
    expect(await place.database().listBackups({ target: 's3' })).toHaveLength(1)
    failedWith('BACKUP_NOT_FOUND', await place.database().verifyBackup(oldest, { target: 's3' }))
  },
)

testWith(RGW_NEEDS, 'a backup goes straight into a bucket, without a copy here', async () => {
  const place = openPlace([])
  const config = {
    keepLocal: false,
    targets: { s3: s3Config(server, { bucket: 'backups', prefix: 'only' }) },
  }
  place.configure(config)
  for (const encoding of ['plain', 'zstd'] as const) {
    const made = succeeded(await place.database().createBackup({ encoding }))
    expect(made).toMatchObject({ backupPath: `s3:manual/${made.filename}`, snapshotWay: 'wal' })
    expect(place.files('backups')).toEqual([])
    succeeded(await place.database().restoreBackup('latest', { to: place.path(`${encoding}.db`) }))
    assertIntact(place.path(`${encoding}.db`))
  }
})

testWith(
  RGW_NEEDS,
  'a locked copy that was altered is found, a good one is put over it, and what is locked stays',
  async () => {
    const place = openPlace([])
    const objectLock = { mode: 'GOVERNANCE', days: 1 } as const
    place.configure({ targets: { s3: s3Config(server, { bucket: 'locked', objectLock, appendOnly: true }) } })
    const made = succeeded(await place.database().createBackup())
    expect(succeeded(await place.database().verifyCopies()).status).toBe('intact')
    const Key = `manual/${made.filename}`
    const good = readFileSync(made.backupPath)
    const Body = good.with(5000, (good[5000] ?? 0) ^ 1)
    await client.send(new PutObjectCommand({ Bucket: 'locked', Key, Body }))
    const found = succeeded(await place.database().verifyCopies())
    expect(found.targets).toMatchObject([{ problems: [{ code: 'damaged', path: `s3:${Key}` }] }])
    // Meanwhile it is lost here, too: what is there replaces nothing.
    writeFileSync(made.backupPath, 'lost')
    const failed = succeeded(await place.database().repairBackups())
    expect(failed).toMatchObject({
      status: 'incomplete',
      backups: [
        { at: null, status: 'failed', code: 'BACKUP_DAMAGED' },
        { at: 's3', status: 'failed', code: 'OBJECT_DAMAGED' },
      ],
    })
    writeFileSync(made.backupPath, good)
    expect(succeeded(await place.database().syncTargets()).targets).toMatchObject([
      { status: 'synced', copied: [made.filename] },
    ])
    expect(succeeded(await place.database().verifyCopies()).status).toBe('intact')
    // All three of it are there: the first one, what somebody put, and the last.
    const { Versions = [] } = await client.send(
      new ListObjectVersionsCommand({ Bucket: 'locked', Prefix: Key }),
    )
    expect(Versions).toHaveLength(3)
    rmSync(made.backupPath)
    expect(succeeded(await place.database().repairBackups()).backups).toMatchObject([
      { status: 'repaired', from: 's3' },
    ])
    expect(readFileSync(made.backupPath)).toEqual(good)
  },
)

sealedRoundTrips({
  name: 's3 on Ceph',
  needs: RGW_NEEDS,
  target: async () => s3Config(server, { bucket: await makeBucket(client), prefix: 'apps' }),
})

sealedRoundTrips({
  name: 's3 on Ceph, locked',
  needs: RGW_NEEDS,
  isLocking: true,
  async target() {
    const bucket = await makeBucket(client, { isLocking: true })
    return s3Config(server, { bucket, objectLock: { mode: 'COMPLIANCE', days: 1 } })
  },
})

onlyThere({
  name: 's3 on Ceph',
  needs: RGW_NEEDS,
  isMended: true,
  target: async () => s3Config(server, { bucket: await makeBucket(client), prefix: 'apps' }),
})

let places = 0

lineFaults({
  name: 's3',
  needs: RGW_NEEDS,
  // The first part.
  middleBytes: 5_000_000,
  async server(line) {
    const forwarder = await startForwarder(line, Number(new URL(server.endpoint).port))
    return {
      async place() {
        const beside = s3Config(server, { bucket: 'backups', prefix: `lines/${++places}` })
        const endpoint = `http://${line.address}:${forwarder.port}`
        return { beside, there: { ...beside, endpoint, allowHttp: true } }
      },
      stop: forwarder.stop,
      start: forwarder.start,
      [Symbol.asyncDispose]: () => forwarder[Symbol.asyncDispose](),
    }
  },
})
