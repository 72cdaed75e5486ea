import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { checked } from './checked.ts'
import { type Place, targetContract } from './contract.ts'
import { canStart } from './servers/daemon.ts'
import { s3Config, type S3Server } from './servers/s3-server.ts'
import { startSwift, SWIFT_NEEDS } from './servers/swift.ts'

let server: S3Server
let client: S3Client
let buckets = 0

beforeAll(async () => {
  if (!canStart(SWIFT_NEEDS)) return
  server = await startSwift()
  client = new S3Client({
    region: 'us-east-1',
    endpoint: server.endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId: server.accessKeyId, secretAccessKey: 'testing' },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
})
afterAll(async () => {
  client?.destroy()
  await server?.[Symbol.asyncDispose]()
})

async function swiftPlace(): Promise<Place> {
  const bucket = `bucket-${++buckets}`
  await client.send(new CreateBucketCommand({ Bucket: bucket }))
  return {
    config: s3Config(server, { bucket, prefix: 'some/where' }),
    environment: server.environment,
    plant: null,
  }
}

targetContract({ name: 's3 on Swift', needs: SWIFT_NEEDS, place: swiftPlace })

testWith(
  SWIFT_NEEDS,
  's3: a check of a server without conditional writes sees that, and finds it usable',
  async () => {
    const { check, seen } = await checked(await swiftPlace())
    expect(check).toMatchObject({ status: 'usable', left: [] })
    expect(seen).toMatchObject({ paging: 'yes', multipart: 'yes', 'put-if-absent': 'yes', race: 'no' })
    expect(check.probes.find(({ probe }) => probe === 'race')?.detail).toContain(
      'does not know conditional writes',
    )
  },
)
