import { accessDirectory } from '../../access/access-file.ts'
import type { BackupInfo } from '../../catalog/backup-info.ts'
import type { Settings } from '../../config/settings.ts'
import { makeDirectory } from '../../storage/durable.ts'
import { imageBytes } from '../image-facts.ts'
import type { KeptImage, KeptImages } from './kept-images.ts'

/**
 * The plain image of a backup that has to be fetched or decoded, kept in `images` beside others. Null for one that is read
 * where it lies, and for one of which no checksum says that it is the same the next time.
 *
 * @param unpack writes the database in it, proven to be what was stored, into a new file
 */
export async function keepImage(
  backup: BackupInfo,
  images: KeptImages,
  {
    settings: { backupDir, disposable },
    signal,
    unpack,
  }: {
    readonly settings: Pick<Settings, 'backupDir' | 'disposable'>
    readonly signal: AbortSignal
    readonly unpack: (from: string, to: string, signal: AbortSignal) => Promise<void>
  },
): Promise<KeptImage | null> {
  const { checksum, encoding, metadata, path, size, target } = backup
  if (checksum === null || (encoding === 'plain' && target === null)) return null
  const directory = accessDirectory(backupDir)
  await makeDirectory(directory, 0o700, { isDurable: !disposable })
  return await images.open(
    {
      key: JSON.stringify([backupDir, encoding, size, checksum, metadata?.image_checksum]),
      directory,
      sizeBytes: imageBytes(backup),
      write: (file, abandoned) => unpack(path, file, abandoned),
    },
    signal,
  )
}
