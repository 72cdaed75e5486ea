/** Sealed backups, and such that are kept there alone, at real servers: an SSH server, rclone's back ends, and S3 on Swift. Those on Ceph are in s3.test.ts. */
import type { S3Client } from '@aws-sdk/client-s3'
import { afterAll, beforeAll } from 'vitest'
import { isFull } from '../faults/extent.ts'
import { RCLONE_NEEDS, RCLONE_SFTP_NEEDS, rclonePlace, rcloneSftpPlace } from '../storage/rclone-place.ts'
import { canStart } from '../storage/servers/daemon.ts'
import { makeBucket, s3Client, s3Config, type S3Server } from '../storage/servers/s3-server.ts'
import { SSHD_NEEDS, type Sshd, startSshd } from '../storage/servers/sshd.ts'
import { startSwift, SWIFT_NEEDS } from '../storage/servers/swift.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { onlyThere } from './only-there.ts'
import { sealedRoundTrips } from './sealed.ts'

let sshd: Sshd
let swift: S3Server
let client: S3Client

beforeAll(async () => {
  if (canStart(SSHD_NEEDS)) sshd = await startSshd()
  if (!canStart(SWIFT_NEEDS)) return
  swift = await startSwift()
  client = s3Client(swift)
  Object.assign(process.env, swift.environment)
})
afterAll(async () => {
  await sshd?.[Symbol.asyncDispose]()
  client?.destroy()
  await swift?.[Symbol.asyncDispose]()
})

sealedRoundTrips({
  name: 'sftp',
  needs: SSHD_NEEDS,
  target: async () => sshd.config(temporaryDirectory()),
})

sealedRoundTrips({
  name: 'rclone, local',
  needs: RCLONE_NEEDS,
  target: async () => rclonePlace().config,
})

onlyThere({
  name: 'sftp',
  needs: SSHD_NEEDS,
  // As in s3.test.ts; each target that is opened is a connection.
  isMended: isFull,
  target: async () => sshd.config(temporaryDirectory()),
})

// A process for each command of rclone; and the same server as above, each command by another connection: the slowest by far.
if (isFull) {
  onlyThere({
    name: 'rclone, local',
    needs: RCLONE_NEEDS,
    isMended: true,
    target: async () => rclonePlace().config,
  })
  sealedRoundTrips({
    name: 'rclone, sftp',
    needs: RCLONE_SFTP_NEEDS,
    target: async () => rcloneSftpPlace(sshd).config,
  })
}

sealedRoundTrips({
  name: 's3 on Swift',
  needs: SWIFT_NEEDS,
  target: async () => s3Config(swift, { bucket: await makeBucket(client), prefix: 'apps' }),
})
