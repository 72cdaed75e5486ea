/** The one place that knows which kinds of targets there are. */
import { resolve } from 'node:path'
import type { TargetConfig } from '../config/targets.ts'
import { bytesOf } from '../retention/units.ts'
import { limitBandwidth, type Spend } from './bandwidth.ts'
import { withGuard } from './guard-target.ts'
import { RETRY_PORTS, type RetryPorts } from './retry.ts'
import type { Target } from './target.ts'
import { openLocalTarget } from './targets/local.ts'

export interface TargetSurroundings {
  /** Relative paths of the configuration start here. */
  readonly directory: string
  /** Where secrets may be. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** How long what fails is tried again. Default: for minutes */
  readonly retry?: RetryPorts
}

/**
 * A target as the configuration describes it. Connects to nothing yet. The library of a kind is loaded only when that
 * kind is used: Amazon's takes longer to load than a small backup takes to make.
 *
 * Throws `CONFIG_INVALID` when a secret is not there.
 */
export async function openTarget(
  name: string,
  config: TargetConfig,
  surroundings: TargetSurroundings,
): Promise<Target> {
  const { bandwidth, appendOnly = false } = config
  const spend = limitBandwidth(bandwidth === undefined ? undefined : bytesOf(bandwidth))
  return withGuard(await openKind(name, config, { ...surroundings, spend }), { appendOnly })
}

async function openKind(
  name: string,
  config: TargetConfig,
  { directory, environment, spend, retry = RETRY_PORTS }: TargetSurroundings & { readonly spend: Spend },
): Promise<Target> {
  switch (config.kind) {
    case 'local':
      return openLocalTarget({ name, root: resolve(directory, config.path), spend })
    case 's3': {
      const { openConfiguredS3 } = await import('./targets/s3/open.ts')
      return openConfiguredS3(name, config, {
        directory,
        environment,
        spend,
        retry,
        now: () => new Date(),
        hasConditionalPut: false,
      })
    }
    case 'sftp': {
      const { openConfiguredSftp } = await import('./targets/sftp/open.ts')
      return openConfiguredSftp(name, config, { directory, environment, spend, retry })
    }
    case 'rclone': {
      const { openConfiguredRclone } = await import('./targets/rclone/open.ts')
      return openConfiguredRclone(name, config, { directory, environment, spend, retry })
    }
  }
}
