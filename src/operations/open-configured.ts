import type { Settings, TargetSettings } from '../config/settings.ts'
import type { Target } from '../storage/target.ts'

/**
 * Opens a target of the configuration. Its library is loaded, and its secrets are read, only now: most operations use no
 * target, and a rotated secret is used from the next one on.
 */
export async function openConfigured(
  { targets, targetDirectory }: Settings,
  name: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Target> {
  const { openTarget } = await import('../storage/open-target.ts')
  const { config } = targets[name] as TargetSettings
  return openTarget(name, config, { directory: targetDirectory, environment })
}
