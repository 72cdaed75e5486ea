import { resolve } from 'node:path'
import type { SecretPorts } from '../../../config/secret.ts'
import type { RcloneTargetConfig } from '../../../config/targets.ts'
import { readTargetSecret } from '../../open-secret.ts'
import { RcloneTarget, type RcloneTargetOptions } from './rclone.ts'

/** Throws `CONFIG_INVALID` when a secret is not there. */
export async function openConfiguredRclone(
  name: string,
  config: RcloneTargetConfig,
  ports: SecretPorts & Pick<RcloneTargetOptions, 'spend' | 'retry'>,
): Promise<RcloneTarget> {
  const environment: Record<string, string | undefined> = { ...ports.environment }
  if (config.configFile !== undefined)
    environment['RCLONE_CONFIG'] = resolve(ports.directory, config.configFile)
  for (const [variable, where] of Object.entries(config.environment ?? {})) {
    environment[variable] = await readTargetSecret(name, where, ports)
  }
  const { remote, program = 'rclone' } = config
  return new RcloneTarget({
    rclone: { name, program, remote, environment },
    spend: ports.spend,
    retry: ports.retry,
  })
}
