/** The one place that knows which kinds of targets there are. */
import { resolve } from 'node:path'
import type { TargetConfig } from '../config/targets.ts'
import { bytesOf } from '../retention/units.ts'
import { limitBandwidth } from './bandwidth.ts'
import { withGuard } from './guard-target.ts'
import { RETRY_PORTS, type RetryPorts } from './retry.ts'
import type { Target } from './target.ts'
import type { KindProbe, TargetCapabilities } from './target-probe.ts'
import { openLocalTarget } from './targets/local.ts'

export interface TargetSurroundings {
  /** Relative paths of the configuration start here. */
  readonly directory: string
  /** Where secrets may be. */
  readonly environment: Readonly<Record<string, string | undefined>>
  /** What a check of the target found out. Default: nothing is taken for granted */
  readonly capabilities?: TargetCapabilities | undefined
  /** Which keys can only be of our making: what others began there is theirs to end. Default: none */
  readonly isOurs?: (key: string) => boolean
  /** How many keys a page of a listing has, where there are pages. Default: as many as the server likes */
  readonly pageSize?: number
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
  const target = await openKind(name, config, portsOf(config, surroundings))
  return withGuard(target, { appendOnly: config.appendOnly ?? false })
}

/** What can be found out about a target of this kind beyond what every kind does; null where that is nothing. */
export async function openKindProbe(
  name: string,
  config: TargetConfig,
  surroundings: TargetSurroundings,
): Promise<KindProbe | null> {
  if (config.kind !== 's3') return null
  const { openS3Probe } = await import('./targets/s3/open.ts')
  return openS3Probe(name, config, portsOf(config, surroundings))
}

async function openKind(name: string, config: TargetConfig, ports: Ports): Promise<Target> {
  switch (config.kind) {
    case 'local':
      return openLocalTarget({ name, root: resolve(ports.directory, config.path), spend: ports.spend })
    case 's3': {
      const { openConfiguredS3 } = await import('./targets/s3/open.ts')
      return openConfiguredS3(name, config, ports)
    }
    case 'sftp': {
      const { openConfiguredSftp } = await import('./targets/sftp/open.ts')
      return openConfiguredSftp(name, config, ports)
    }
    case 'rclone': {
      const { openConfiguredRclone } = await import('./targets/rclone/open.ts')
      return openConfiguredRclone(name, config, ports)
    }
  }
}

type Ports = ReturnType<typeof portsOf>

function portsOf(
  { bandwidth }: TargetConfig,
  { directory, environment, capabilities, isOurs, pageSize, retry = RETRY_PORTS }: TargetSurroundings,
) {
  return {
    directory,
    environment,
    spend: limitBandwidth(bandwidth === undefined ? undefined : bytesOf(bandwidth), retry.pace),
    retry,
    now: () => new Date(),
    hasConditionalPut: capabilities?.conditionalPut ?? false,
    isOurs: isOurs ?? (() => false),
    pageSize,
  }
}
