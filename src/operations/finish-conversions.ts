/**
 * Finishing what killed conversions have begun. One writes the metadata of the new file, then gives the file its name,
 * then deletes the old one: so there are at most both, and the new one's metadata says which the old one is, as long
 * as that is there. Much may have happened to either since: both stay where the old one is better in anything.
 */
import { dirname, join } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { metadataDirectory } from '../catalog/layout.ts'
import { listCatalog } from '../catalog/list.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { parseFilename } from '../catalog/names.ts'
import { readMetadata } from '../catalog/read-metadata.ts'
import { throwIfCancelled } from '../errors.ts'
import { namesIn, removeFile, syncDirectory } from '../storage/durable.ts'
import { begin, type Context, durabilityOf } from './context.ts'
import { deleteStored } from './delete-stored.ts'
import { expectedImageOf } from './image-facts.ts'
import { replaceMetadata } from './replace-metadata.ts'
import { isAsStored, lacksPacks } from './stored-bytes.ts'

/** One whose conversion nobody has seen the end of. */
type Converted = BackupInfo & { readonly metadata: Metadata & { readonly converted_from: string } }

function isConverted(backup: BackupInfo): backup is Converted {
  return backup.metadata?.converted_from !== undefined
}

/** For holders of the catalog's lock. Returns the file names of what was removed. */
export async function finishConversions(context: Context): Promise<string[]> {
  begin(context, 'finish-conversions')
  const backups = await listCatalog(context.settings.backupDir, {})
  const finished: string[] = []
  for (const backup of backups.filter(isConverted)) {
    const before = findBefore(backup, backups)
    if (before !== null && (await mayReplace(backup, before, context))) {
      await deleteStored(before, context)
      finished.push(before.filename)
    }
    // Last of all: from here on the backup may be converted again, also to what it was.
    await replaceMetadata(backup, { converted_from: undefined }, context)
  }
  const stored = new Set(backups.map(({ filename }) => filename))
  return [...finished, ...(await removeUnused(stored, context))]
}

/** The same backup in its earlier encoding, if it is still there. */
function findBefore({ type, metadata }: Converted, backups: readonly BackupInfo[]): BackupInfo | null {
  const before = backups.find(each => each.filename === metadata.converted_from && each.type === type)
  // One that was made of another itself is not what this was made of: that is forgotten before it is converted.
  if (before?.metadata == null || before.metadata.converted_from !== undefined) return null
  const image = expectedImageOf(before).checksum
  return image !== null && image === metadata.image_checksum ? before : null
}

/** Whether the new form is whole, as far as anybody knows, and has the pin of the old one. */
async function mayReplace(backup: Converted, before: BackupInfo, context: Context): Promise<boolean> {
  if (backup.metadata.damaged_at !== undefined) return false
  if (before.pinned !== null && backup.pinned === null) return false
  try {
    return (await isAsStored(backup, context)) && !(await lacksPacks(backup, context))
  } catch {
    throwIfCancelled(context.signal)
    // What cannot be read has proven nothing, and must not keep a cleanup from making room.
    return false
  }
}

/** Metadata of a conversion that was killed before its file had its name. */
async function removeUnused(stored: ReadonlySet<string>, context: Context): Promise<string[]> {
  const directory = metadataDirectory(context.settings.backupDir)
  const removed: string[] = []
  for (const name of await namesIn(directory)) {
    const filename = name.endsWith('.json') ? name.slice(0, -'.json'.length) : ''
    if (parseFilename(filename) === null || stored.has(filename)) continue
    const path = join(directory, name)
    const { metadata } = await readMetadata(path)
    if (metadata?.converted_from === undefined) continue
    // Only while the backup that it was made of is there: otherwise it may be all that is left to say what was.
    if (!stored.has(metadata.converted_from)) continue
    await removeFile(path)
    await syncDirectory(dirname(path), durabilityOf(context))
    removed.push(name)
  }
  return removed
}
