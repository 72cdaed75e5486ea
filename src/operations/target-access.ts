/** How operations come to a target of the configuration. */
import { MetadataCacheFile } from '../catalog/metadata-cache.ts'
import { readTargetCatalog, type TargetCatalog } from '../catalog/target-catalog.ts'
import { parseMetadataKey } from '../catalog/target-keys.ts'
import { isWanted, type ListFilter } from '../catalog/list.ts'
import type { Settings, TargetSettings } from '../config/settings.ts'
import { BackupError } from '../errors.ts'
import type { Target } from '../storage/target.ts'
import { begin, type TargetContext } from './context.ts'

export type { TargetCatalog }

/** What the configuration says of a target. Throws `INVALID_ARGUMENT` for a name that it does not have. */
export function targetSettings({ targets }: Settings, name: string): TargetSettings {
  const found = Object.hasOwn(targets, name) ? targets[name] : undefined
  if (found !== undefined) return found
  const known = Object.keys(targets)
  throw new BackupError('INVALID_ARGUMENT', `There is no target ${JSON.stringify(name)}`, {
    hint:
      known.length === 0
        ? 'The configuration has none: see docs/targets.md.'
        : `The configuration has: ${known.join(', ')}.`,
  })
}

/** The target whose backups are meant where none is named; null: those in the backup directory. */
export function primaryTarget({ keepLocal, targets }: Settings): string | null {
  return keepLocal ? null : (Object.keys(targets)[0] ?? null)
}

/** The target of that name, to be disposed of by the caller. */
export function openNamed(name: string, context: TargetContext): Promise<Target> {
  targetSettings(context.settings, name)
  return context.openTarget(name)
}

/** Does something with a target, and closes it. */
export async function withTarget<T>(
  name: string,
  context: TargetContext,
  act: (target: Target) => Promise<T>,
): Promise<T> {
  await using target = await openNamed(name, context)
  return await act(target)
}

/** The catalog of a target, of this database, by what is known of it from before. */
export async function catalogOf(
  target: Target,
  filter: ListFilter,
  context: TargetContext,
): Promise<TargetCatalog> {
  const { settings, signal } = context
  begin(context, 'list-target')
  const isConcerned = (key: string): boolean => {
    const parsed = parseMetadataKey(key)
    return parsed !== null && isWanted(parsed.filename, filter)
  }
  const use = { now: context.now(), isConcerned }
  await using cache = await MetadataCacheFile.open(settings.backupDir, target.name, use)
  return await readTargetCatalog(target, filter, { signal, cache })
}
