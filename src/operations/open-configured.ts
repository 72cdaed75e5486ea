import type { Settings, TargetSettings } from '../config/settings.ts'
import { isOurLargeKey } from '../catalog/target-keys.ts'
import type { Target } from '../storage/target.ts'

/**
 * Opens a target of the configuration, which is trusted with what its last check saw. Its library is loaded, and its
 * secrets are read, only now: most operations use no target, and a rotated secret is used from the next one on.
 */
export async function openConfigured(
  { targets, targetDirectory, backupDir }: Settings,
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Target> {
  const [{ openTarget }, { readCapabilities }] = await Promise.all([
    import('../storage/open-target.ts'),
    import('./target/checks.ts'),
  ])
  const { config } = targets[name] as TargetSettings
  const capabilities = await readCapabilities(backupDir, name)
  return openTarget(name, config, {
    directory: targetDirectory,
    environment,
    capabilities,
    isOurs: isOurLargeKey,
  })
}
