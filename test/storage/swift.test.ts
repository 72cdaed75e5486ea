import type { S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, expect } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { checked } from './checked.ts'
import { targetContract } from './contract.ts'
import { type S3Place, s3PlaceOf } from './s3-place.ts'
import { canStart } from './servers/daemon.ts'
import { s3Client, type S3Server } from './servers/s3-server.ts'
import { startSwift, SWIFT_NEEDS } from './servers/swift.ts'

let server: S3Server
let client: S3Client

beforeAll(async () => {
  if (!canStart(SWIFT_NEEDS)) return
  server = await startSwift()
  client = s3Client(server)
})
afterAll(async () => {
  client?.destroy()
  await server?.[Symbol.asyncDispose]()
})

const swiftPlace = (): Promise<S3Place> => s3PlaceOf(server, client)

targetContract({ name: 's3 on Swift', needs: SWIFT_NEEDS, place: swiftPlace, tellsFreeSpace: false })

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
