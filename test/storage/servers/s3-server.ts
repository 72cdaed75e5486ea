/** What a test needs to know of an S3 server. */
import type { S3TargetConfig } from '../../../src/config/targets.ts'

export interface S3Server extends AsyncDisposable {
  readonly endpoint: string
  readonly environment: Readonly<Record<string, string>>
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
