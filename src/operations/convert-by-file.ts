/** Converting a backup to pages, or from them: by way of its image in a plain file. */
import { openSealing } from '../blocks/open-sealing.ts'
import { RestorePointWriter } from '../blocks/write-restore-point.ts'
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { Staging } from '../catalog/staging.ts'
import { Tap, type Seen } from '../encoding/bytes.ts'
import { BackupError } from '../errors.ts'
import { RawFile, readHeaderOf } from '../snapshot/source-files.ts'
import { writeBytes } from '../storage/write-bytes.ts'
import { blockStoreOf, inOnePiece, readableFile } from './block-store.ts'
import { bytesOf, type Context } from './context.ts'
import { type EncodedFile, writeEncoded } from './encoded-file.ts'
import { type BackupEncoder, type BlocksEncoder, isSealing } from './encoder-for.ts'
import { openIntact } from './find-intact.ts'
import { readStored } from './read-stored.ts'

export interface Anew {
  readonly written: EncodedFile
  readonly image: Seen
  /** What the store of packs grew by; undefined in other encodings. */
  readonly addedBytes?: number
  /** Whether its packs are encrypted. */
  readonly isSealed?: boolean
  /** What is to be done once it is a backup: its path relative to the backup directory. */
  readonly afterwards?: (path: string) => Promise<void>
}

/** Throws `BACKUP_DAMAGED` unless the stored backup is what its metadata says. */
export async function recodeByFile(
  backup: BackupInfo,
  encoder: BackupEncoder,
  { staging, identity }: { readonly staging: Staging; readonly identity: string | undefined },
  context: Context,
): Promise<Anew> {
  await using image = await openIntact(backup, { level: 'none', identity }, context)
  const file = staging.file('image.encoded')
  if (encoder.encoding === 'blocks') return await storePages(backup, image, { file, encoder }, context)
  const seen = new Tap()
  const onBytes = bytesOf(context, 'encode-image')
  const total = backup.metadata?.image_size ?? 0
  const bytes = seen.through(readStored(image, context, done => onBytes(done, total)))
  const written = await writeEncoded(bytes, encoder, file, context)
  return { written, image: seen.seen() }
}

async function storePages(
  backup: BackupInfo,
  { path, checksum }: { readonly path: string; readonly checksum: string },
  { file, encoder }: { readonly file: string; readonly encoder: BlocksEncoder },
  context: Context,
): Promise<Anew> {
  const { settings, signal } = context
  using plain = new RawFile(path)
  const { size } = plain
  const pageSize = readHeaderOf(path)?.pageSize ?? 0
  if (size > 0 && (pageSize === 0 || size % pageSize !== 0)) throw notOfPages(backup)
  const onBytes = bytesOf(context, 'encode-image')
  const store = blockStoreOf(context)
  const sealing = await openSealing(store, encoder.to)
  await using writer = await RestorePointWriter.open(store, {
    database: backup.database ?? settings.name,
    sealing,
  })
  const image = readableFile(plain, size === 0 ? 0 : pageSize)
  await writer.scan(image, { signal, onBytes: done => onBytes(done, size) })
  const written = await writer.finish({ imageChecksum: checksum, readBack: true, signal })
  await writeBytes(file, inOnePiece(written.bytes))
  return {
    written: { file, sizeBytes: written.bytes.length, checksum: written.checksum },
    image: { sizeBytes: size, checksum },
    addedBytes: written.addedBytes,
    isSealed: isSealing(encoder),
    afterwards: restorePoint => written.remember(restorePoint, null),
  }
}

function notOfPages({ path }: BackupInfo): BackupError {
  return new BackupError('BACKUP_UNSUPPORTED', `The image is not made of whole pages: ${path}`, {
    hint: 'It can be stored as plain, zstd or zstd+age.',
    path,
  })
}
