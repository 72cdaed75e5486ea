import type { SecretPorts } from '../../../config/secret.ts'
import type { S3TargetConfig } from '../../../config/targets.ts'
import { bytesOf } from '../../../retention/units.ts'
import { readOptionalSecret, readTargetSecret } from '../../open-secret.ts'
import type { S3TargetOptions } from './access.ts'
import { S3Probe } from './probe.ts'
import { openS3Target, type S3Target } from './s3.ts'

const DEFAULT_REGION = 'us-east-1'

type Ports = SecretPorts &
  Pick<S3TargetOptions, 'spend' | 'retry' | 'now' | 'hasConditionalPut' | 'isOurs' | 'pageSize'>

/** Throws `CONFIG_INVALID` when a secret is not there. */
export async function openConfiguredS3(
  name: string,
  config: S3TargetConfig,
  ports: Ports,
): Promise<S3Target> {
  return openS3Target(await optionsOf(name, config, ports))
}

/** The same, for finding out what it does. */
export async function openS3Probe(name: string, config: S3TargetConfig, ports: Ports): Promise<S3Probe> {
  return new S3Probe(await optionsOf(name, config, ports))
}

async function optionsOf(name: string, config: S3TargetConfig, ports: Ports): Promise<S3TargetOptions> {
  return {
    name,
    bucket: config.bucket,
    prefix: config.prefix === undefined ? '' : `${config.prefix}/`,
    endpoint: config.endpoint,
    region: config.region ?? DEFAULT_REGION,
    pathStyle: config.pathStyle ?? config.endpoint !== undefined,
    credentials: {
      accessKeyId: await readTargetSecret(name, config.accessKeyId, ports),
      secretAccessKey: await readTargetSecret(name, config.secretAccessKey, ports),
      sessionToken: await readOptionalSecret(name, config.sessionToken, ports),
    },
    objectLock: config.objectLock ?? null,
    partSizeBytes: config.partSize === undefined ? null : bytesOf(config.partSize),
    pageSize: ports.pageSize,
    hasConditionalPut: ports.hasConditionalPut,
    isOurs: ports.isOurs,
    spend: ports.spend,
    retry: ports.retry,
    now: ports.now,
  }
}
