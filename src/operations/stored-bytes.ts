/** Whether what a backup is made of is there. */
import { stat } from 'node:fs/promises'
import { readLivePages } from '../blocks/live-pages.ts'
import { hasPack } from '../blocks/store.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { hashFile } from '../snapshot/hash.ts'
import { RawFile } from '../snapshot/source-files.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import { blockStoreOf } from './block-store.ts'
import type { Context } from './context.ts'

/** Whether the file here is what was stored, byte for byte. */
export async function isAsStored(
  { path, metadata }: { readonly path: string; readonly metadata: Metadata },
  { signal }: Context,
): Promise<boolean> {
  const stats = await unlessMissing(path, () => stat(path))
  if (stats === null || stats.size !== metadata.file_size) return false
  using file = new RawFile(path)
  return (await hashFile(file.fd, file.size, path, { signal })) === metadata.checksum
}

/** Whether a pack is not there at all; what is in those that are takes reading them. */
export async function lacksPacks(
  { encoding, path }: Pick<BackupInfo, 'encoding' | 'path'>,
  context: Context,
): Promise<boolean> {
  if (encoding !== 'blocks') return false
  const { packs, unreadable } = await readLivePages([path], { mayBeDeleted: true })
  const there = await Promise.all([...packs.keys()].map(id => hasPack(blockStoreOf(context), id)))
  return unreadable.length > 0 || there.includes(false)
}
