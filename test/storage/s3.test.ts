import { randomBytes } from 'node:crypto'
import {
  CreateBucketCommand,
  ListObjectVersionsCommand,
  PutBucketPolicyCommand,
  S3Client,
} from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect } from 'vitest'
import type { S3TargetConfig } from '../../src/config/targets.ts'
import { openTarget } from '../../src/storage/open-target.ts'
import { testWith } from '../support/requirements.ts'
import { checked } from './checked.ts'
import { contentOf, patterned, sha256, streamOf } from './contents.ts'
import { failureOf, keysOf, listed, open, type Opening, read, SIGNAL, targetContract } from './contract.ts'
import { killedInside } from './killed.ts'
import { limitedTransfers } from './limited.ts'
import { s3Checks } from './s3-checks.ts'
import { s3Faults } from './s3-faults.ts'
import { s3Killed } from './s3-killed.ts'
import { s3LostAnswers } from './s3-lost-answers.ts'
import { type S3Around, type S3Place, s3PlaceOf, uploadsOf } from './s3-place.ts'
import { canStart } from './servers/daemon.ts'
import { type Rgw, RGW_NEEDS, startRgw } from './servers/rgw.ts'
import { type BucketForm, s3Client } from './servers/s3-server.ts'

const OPTIONS = { signal: SIGNAL }
/** Four parts. */
const LARGE_BYTES = 18_000_000

let server: Rgw
let client: S3Client

beforeAll(async () => {
  if (!canStart(RGW_NEEDS)) return
  server = await startRgw()
  client = s3Client(server)
})
afterAll(async () => {
  client?.destroy()
  await server?.[Symbol.asyncDispose]()
})

const s3Place = (more: Partial<S3TargetConfig> = {}, form: BucketForm = {}): Promise<S3Place> =>
  s3PlaceOf(server, client, { more, form })

const uploads = async (place: Opening): Promise<number> => (await uploadsOf(client, place)).length

targetContract({
  name: 's3 on Ceph',
  needs: RGW_NEEDS,
  place: () => s3Place(),
  tellsFreeSpace: false,
})

targetContract({
  name: 's3 on Ceph, with versions',
  needs: RGW_NEEDS,
  place: () => s3Place({}, { isVersioned: true }),
  tellsFreeSpace: false,
})

const around: S3Around = {
  needs: RGW_NEEDS,
  place: s3Place,
  uploadsOf: uploads,
  server: () => server,
}

s3Faults(around)
s3LostAnswers(around)
s3Killed(around)
s3Checks(around)
limitedTransfers({
  name: 's3',
  needs: RGW_NEEDS,
  port: () => Number(new URL(server.endpoint).port),
  place: port => s3Place({ endpoint: `http://127.0.0.1:${port}` }),
})

testWith(RGW_NEEDS, 's3: nothing is left of an upload that fails for good', async () => {
  const place = await s3Place()
  await using target = await open(place)
  const bytes = patterned(LARGE_BYTES)
  const content = {
    ...streamOf(bytes),
    async *open() {
      yield bytes.subarray(0, 17_000_000)
      throw new Error('the source failed')
    },
  }
  await expect(target.put('large', content, OPTIONS)).rejects.toThrow('the source failed')
  expect(await uploads(place)).toBe(0)
})

testWith(
  RGW_NEEDS,
  's3: a process killed in the middle of an upload leaves parts that the next one goes on with',
  async () => {
    const place = await s3Place()
    await killedInside(place, { sizeBytes: LARGE_BYTES, stopAt: 17_000_000, steps: 2 })
    expect(await uploads(place)).toBe(1)
    expect(await keysOf(await open(place))).toEqual([])
    await using target = await open(place)
    const steps: number[] = []
    const sent = patterned(LARGE_BYTES)
    await target.put('large', contentOf(sent), { ...OPTIONS, onBytes: bytes => steps.push(bytes) })
    expect(sha256(await read(target, 'large'))).toBe(sha256(sent))
    expect(await uploads(place)).toBe(0)
  },
)

for (const [what, changedAt] of [
  ['that was of other content is not gone on with, nor left behind', 0],
  ['whose later parts were of other content ends in the content that was put', LARGE_BYTES - 1],
] as const) {
  testWith(RGW_NEEDS, `s3: an upload ${what}`, async () => {
    const place = await s3Place()
    await killedInside(place, { sizeBytes: LARGE_BYTES, stopAt: 17_000_000, steps: 2 })
    const other = patterned(LARGE_BYTES)
    other[changedAt] = 1
    await using target = await open(place)
    await target.put('large', contentOf(other), OPTIONS)
    expect(sha256(await read(target, 'large'))).toBe(sha256(other))
    expect(await uploads(place)).toBe(0)
  })
}

testWith(
  RGW_NEEDS,
  's3: wrong credentials, a missing bucket and a missing right are told apart',
  async () => {
    const place = await s3Place()
    const bytes = contentOf(Buffer.from('x'))
    await using wrongKey = await open(place, { accessKeyId: 'NOBODY' })
    await using wrongSecret = await open({ ...place, environment: { S3_SECRET: 'wrong' } })
    await using noBucket = await open(place, { bucket: 'no-such-bucket' })
    const told = [
      await failureOf(wrongKey.put('a', bytes, OPTIONS)),
      await failureOf(wrongSecret.put('a', bytes, OPTIONS)),
      await failureOf(noBucket.put('a', bytes, OPTIONS)),
      await failureOf(noBucket.head('a', OPTIONS)),
      await failureOf(keysOf(noBucket)),
      await failureOf(read(noBucket, 'a')),
    ]
    expect(told.map(({ code }) => code)).toEqual(Array.from({ length: 6 }, () => 'TARGET_REFUSED'))
    expect(told[0]?.message).toContain('access key is not known')
    expect(told[1]?.message).toContain('secret key is wrong')
    for (const failure of told.slice(2)) expect(failure.message).toContain('bucket is not there')
    for (const { message, hint } of told) expect(`${message} ${hint}`).not.toMatch(/AKTEST|sktest|wrong'/)
  },
)

testWith(RGW_NEEDS, 's3: a secret that is not there is told before anything is asked', async () => {
  const place = await s3Place()
  const failure = await failureOf(open({ ...place, environment: { S3_SECRET: '' } }))
  expect(failure.code).toBe('CONFIG_INVALID')
  expect(failure.message).toContain('S3_SECRET')
})

testWith(RGW_NEEDS, 's3: a key that is revoked in the middle is told, and what was put stays', async () => {
  const place = await s3Place()
  server.admin(
    'user',
    'create',
    '--uid=gone',
    '--display-name=gone',
    '--access-key=AKGONE',
    '--secret-key=skgone',
  )
  const config = { ...place.config, bucket: 'gone-bucket', accessKeyId: 'AKGONE' }
  const own = new S3Client({
    region: 'us-east-1',
    endpoint: server.endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId: 'AKGONE', secretAccessKey: 'skgone' },
  })
  await own.send(new CreateBucketCommand({ Bucket: 'gone-bucket' }))
  own.destroy()
  await using target = await open({ config, environment: { S3_SECRET: 'skgone' } })
  await target.put('a', contentOf(Buffer.from('x')), OPTIONS)
  server.admin('user', 'suspend', '--uid=gone')
  const failure = await failureOf(target.put('b', contentOf(Buffer.from('x')), OPTIONS))
  expect(failure.code).toBe('TARGET_REFUSED')
  server.admin('user', 'enable', '--uid=gone')
  expect(await keysOf(target)).toEqual(['a'])
})

testWith(RGW_NEEDS, 's3: a full quota is told as such', async () => {
  const place = await s3Place()
  server.admin('quota', 'set', '--quota-scope=bucket', '--uid=t', '--max-objects=-1', '--max-size=100000')
  server.admin('quota', 'enable', '--quota-scope=bucket', '--uid=t')
  try {
    await using target = await open(place)
    const failure = await failureOf(target.put('a', contentOf(randomBytes(2_000_000)), OPTIONS))
    expect(failure.code).toBe('TARGET_FULL')
  } finally {
    server.admin('quota', 'disable', '--quota-scope=bucket', '--uid=t')
  }
})

testWith(RGW_NEEDS, 's3: what is locked is kept, and the error says until when', async () => {
  const place = await s3Place({ objectLock: { mode: 'GOVERNANCE', days: 1 } }, { isLocking: true })
  await using target = await open(place)
  const tomorrow = (): string => new Date(Date.now() + 86_400_000).toISOString().slice(0, 10)
  const first = tomorrow()
  await target.put('small', contentOf(Buffer.from('x')), OPTIONS)
  await target.put('large', contentOf(patterned(LARGE_BYTES)), OPTIONS)
  const last = tomorrow()
  for (const key of ['small', 'large']) {
    const failure = await failureOf(target.delete(key, OPTIONS))
    expect(failure.code).toBe('OBJECT_LOCKED')
    // Midnight may have come while they were put.
    expect(failure.message).toMatch(new RegExp(`${first}|${last}`))
  }
  expect(await keysOf(target)).toEqual(['large', 'small'])
  const versions = await client.send(new ListObjectVersionsCommand({ Bucket: place.config.bucket }))
  expect(versions.DeleteMarkers ?? []).toEqual([])
})

testWith(RGW_NEEDS, 's3: a lock that the bucket does not have is refused, not left out', async () => {
  await using target = await open(await s3Place({ objectLock: { mode: 'GOVERNANCE', days: 1 } }))
  expect((await failureOf(target.put('a', contentOf(Buffer.from('x')), OPTIONS))).code).toBe('TARGET_REFUSED')
  expect(await keysOf(target)).toEqual([])
})

testWith(RGW_NEEDS, 's3: a bucket whose policy forbids to delete is append-only for that key', async () => {
  const place = await s3Place()
  const Policy = JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      {
        Effect: 'Deny',
        Principal: '*',
        Action: ['s3:DeleteObject', 's3:DeleteObjectVersion'],
        Resource: `arn:aws:s3:::${place.config.bucket}/*`,
      },
    ],
  })
  await client.send(new PutBucketPolicyCommand({ Bucket: place.config.bucket, Policy }))
  await using target = await open(place)
  await target.put('large', contentOf(patterned(LARGE_BYTES)), OPTIONS)
  const failure = await failureOf(target.delete('large', OPTIONS))
  expect(failure.code).toBe('OBJECT_LOCKED')
  expect(failure.hint).toContain('appendOnly')
  const { check, seen } = await checked(place)
  expect(check.status).toBe('usable')
  expect(seen['delete']).toBe('no')
  expect(check.left.length).toBeGreaterThan(0)
  expect(check.warnings.join()).toContain('cannot delete')
  expect((await listed(target, 'large')).map(({ sizeBytes }) => sizeBytes)).toEqual([LARGE_BYTES])
})

testWith(
  RGW_NEEDS,
  's3: of several that put one key at once one wins, where the check has seen that it does',
  async () => {
    const place = await s3Place()
    const { config, environment } = place
    const targets = await Promise.all(
      Array.from({ length: 8 }, () =>
        openTarget('there', config, {
          directory: '/',
          environment: environment ?? {},
          capabilities: { conditionalPut: true },
        }),
      ),
    )
    for (let round = 0; round < 10; round++) {
      const puts = targets.map((target, index) =>
        target.putIfAbsent(`lock-${round}`, Buffer.from(String(index)), OPTIONS),
      )
      const wins = await Promise.all(puts)
      expect(wins.filter(Boolean)).toHaveLength(1)
      expect(String(await read(targets[0] as (typeof targets)[0], `lock-${round}`))).toBe(
        String(wins.indexOf(true)),
      )
    }
  },
)
