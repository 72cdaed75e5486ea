/** What a test needs to know of an S3 server, and the buckets that it makes there. */
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3'
import type { S3TargetConfig } from '../../../src/config/targets.ts'

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly environment: Readonly<Record<'S3_SECRET', string>>
  readonly accessKeyId: string
}

/** The configuration of a target in one of its buckets. */
export function s3Config(
  server: S3Server,
  more: Partial<S3TargetConfig> & { bucket: string },
): S3TargetConfig {
  return {
    kind: 's3',
    endpoint: server.endpoint,
    accessKeyId: server.accessKeyId,
    secretAccessKey: { env: 'S3_SECRET' },
    partSize: '5MiB',
    ...more,
  }
}

/** A client of the same account; the caller destroys it. */
export function s3Client({ endpoint, accessKeyId, environment }: S3Server): S3Client {
  return new S3Client({
    region: 'us-east-1',
    endpoint,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey: environment.S3_SECRET },
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  })
}

export interface BucketForm {
  readonly isLocking?: boolean
  readonly isVersioned?: boolean
}

let buckets = 0

/** Makes a bucket and returns its name. */
export async function makeBucket(
  client: S3Client,
  { isLocking = false, isVersioned = false }: BucketForm = {},
): Promise<string> {
  const Bucket = `bucket-${++buckets}`
  // Not every server knows the word.
  const lock = isLocking ? { ObjectLockEnabledForBucket: true } : {}
  await client.send(new CreateBucketCommand({ Bucket, ...lock }))
  const VersioningConfiguration = { Status: 'Enabled' } as const
  if (isVersioned) await client.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }))
  return Bucket
}
