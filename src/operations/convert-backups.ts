import { chmod, readFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import type { BackupInfo } from '../catalog/backup-info.ts'
import { editMetadata } from '../catalog/edit-metadata.ts'
import type { Encoding } from '../catalog/encodings.ts'
import { metadataDirectory, metadataPath, typeDirectory } from '../catalog/layout.ts'
import { isOf, listCatalog } from '../catalog/list.ts'
import { CatalogLock } from '../catalog/lock.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { filenameIn } from '../catalog/names.ts'
import { Staging } from '../catalog/staging.ts'
import { Tap } from '../encoding/bytes.ts'
import type { Encoder } from '../encoding/encoding.ts'
import { BackupError, throwIfCancelled, toFailure } from '../errors.ts'
import type { Signer } from '../signing/keys.ts'
import { openSigner } from '../signing/open-signer.ts'
import { signatureOf } from '../signing/signature.ts'
import {
  isThere,
  removeFile,
  renameDurably,
  requireSpace,
  syncFile,
  writeNewFile,
} from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { differences, expectedOf } from './check-stored.ts'
import { begin, bytesOf, type Context, durabilityOf } from './context.ts'
import type { BackupsConverted, ConvertBackupsRequest, ConvertedBackup } from './convert-reports.ts'
import { whyUndecodable } from './decode-stored.ts'
import { deleteStored, finishDeletions } from './delete-stored.ts'
import { encoderFor } from './encoder-for.ts'
import { type Anew, recodeByFile } from './convert-by-file.ts'
import { type EncodedFile, requireDecodable, writeEncoded } from './encoded-file.ts'
import { damagedBackup } from './find-intact.ts'
import { finishConversions } from './finish-conversions.ts'
import { expectedImageOf, imageBytes } from './image-facts.ts'
import { readStored } from './read-stored.ts'
import { replaceMetadata } from './replace-metadata.ts'
import { decoderOf } from './stored-keys.ts'
import { judged, requireTrusted } from './trust.ts'
import { withStoredHere } from './with-stored.ts'

/** Room for the metadata, the directories' growth and what the file system itself takes. */
const SPACE_RESERVE_BYTES = 1 << 20

/**
 * Stores existing backups in another encoding; all else of them stays: when and why they were made, pins, checks. The
 * new file is read back and durable before the old one goes. Killed at any instant, each backup is there in one form
 * or in both, and the next conversion or cleanup removes the old one then.
 */
export async function convertBackups(
  request: ConvertBackupsRequest,
  context: Context,
): Promise<BackupsConverted> {
  const started = performance.now()
  const encoding = request.encoding ?? context.settings.storing.encoding
  // Whatever is wrong with the configuration is said before anything is done.
  await encoderFor(encoding, context)
  const signer = await requireSigner(context)
  await finishEarlier(context)
  const wanted = request.backups ?? (await allOf(context))
  const converted: ConvertedBackup[] = []
  const skipped: Skipped[] = []
  const failed: BackupsConverted['failed'][number][] = []
  for (const backup of wanted) {
    throwIfCancelled(context.signal)
    try {
      const done = await withStoredHere(backup, context, stored =>
        convert(stored.backup, { ...request, encoding, signer }, context),
      )
      if ('why' in done) skipped.push(done)
      else converted.push(done)
    } catch (error) {
      const { success: _, ...why } = toFailure(error)
      // Where only one is meant, its failure is that of all.
      if (why.code === 'CANCELLED' || wanted.length === 1) throw error
      failed.push({ filename: basename(backup), ...why })
    }
  }
  return {
    success: true,
    status: failed.length === 0 ? 'done' : 'incomplete',
    converted,
    skipped,
    failed,
    durationMs: Math.round(performance.now() - started),
  }
}

/** Throws `CONFIG_INVALID` where signatures are asked for, and converted backups would be without. */
async function requireSigner({ settings }: Context): Promise<Signer | null> {
  const signer = await openSigner(settings.signing)
  if (signer !== null || settings.signing.trusted.length === 0) return signer
  throw new BackupError('CONFIG_INVALID', 'Converted backups would lose their signatures', {
    hint: 'There is no signing.key in the configuration. Convert where the key is that signs.',
  })
}

type Skipped = BackupsConverted['skipped'][number]

async function finishEarlier(context: Context): Promise<void> {
  const { backupDir, waitForLockMs } = context.settings
  if (!(await isThere(backupDir))) return
  begin(context, 'lock-catalog')
  using _lock = await CatalogLock.acquire(backupDir, { waitMs: waitForLockMs, signal: context.signal })
  await finishDeletions(context)
  await finishConversions(context)
}

/** The oldest first, so that what a kill leaves undone is what is used next. */
async function allOf({ settings }: Context): Promise<string[]> {
  const backups = await listCatalog(settings.backupDir, {})
  return backups
    .filter(isOf(settings.name))
    .map(({ path }) => path)
    .toReversed()
}

interface ConvertOrder extends ConvertBackupsRequest {
  readonly encoding: Encoding
  readonly signer: Signer | null
}

async function convert(
  backup: BackupInfo,
  { encoding, identity, acceptUnsigned, signer }: ConvertOrder,
  context: Context,
): Promise<ConvertedBackup | Skipped> {
  const { filename, type, size } = backup
  const { backupDir } = context.settings
  if (backup.encoding === encoding) return { filename, why: `it is stored as ${encoding} already` }
  if (backup.metadata?.backup_type !== type)
    return { filename, why: 'it has no metadata of its own that can be read' }
  // Otherwise a conversion would turn whatever somebody has put here into one that is signed.
  await requireTrusted(backup, { acceptUnsigned, isLatest: false }, context)
  // Somebody else's conversion was killed since this began.
  if (backup.metadata.converted_from !== undefined) await finishConversions(context)
  const target = filenameIn(encoding, filename)
  if (await isThere(join(typeDirectory(backupDir, type), target)))
    return { filename, why: `there is another file of the name ${target}` }

  await using staging = await Staging.open(backupDir, typeDirectory(backupDir, type))
  const anew = await encodeAnew(backup, encoding, { staging, identity }, context)
  await publish(backup, { filename: target, encoding, signer, ...anew }, context)
  await anew.afterwards?.(`${type}/${target}`).catch(() => {})
  await deleteStored(backup, context)
  const there: BackupInfo = { ...backup, filename: target }
  const converted = await replaceMetadata(there, { converted_from: undefined }, context)
  if (converted === null) throw new Error('The converted backup is not there')
  return { backup: judged(converted, context), from: filename, sizeBefore: size }
}

/** Makes the new file, flushed, and proves that it holds the same image. */
async function encodeAnew(
  backup: BackupInfo,
  encoding: Encoding,
  { staging, identity }: { readonly staging: Staging; readonly identity: string | undefined },
  context: Context,
): Promise<Anew> {
  const { settings } = context
  const encoder = await encoderFor(encoding, context)
  const needed = encoding === 'plain' ? imageBytes(backup) : Math.min(imageBytes(backup), backup.size)
  begin(context, 'check-space')
  await requireSpace(settings.backupDir, needed + SPACE_RESERVE_BYTES, 'the converted backup')
  begin(context, 'encode-image')
  const anew =
    encoder.encoding === 'blocks' || backup.encoding === 'blocks'
      ? await recodeByFile(backup, encoder, { staging, identity }, context)
      : await recode(backup, encoder, { staging, identity }, context)
  const { written, image } = anew
  begin(context, 'sync-image')
  await during('set the mode of', written.file, () => chmod(written.file, settings.fileMode))
  await syncFile(written.file, durabilityOf(context))
  // Packs are read back before they get their names.
  if (encoder.encoding !== 'blocks') await requireDecodable(written, encoder, image, context)
  return anew
}

/** Throws `BACKUP_DAMAGED` unless the stored file, and the image in it, are what its metadata says. */
async function recode(
  backup: BackupInfo,
  encoder: Encoder,
  { staging, identity }: { readonly staging: Staging; readonly identity: string | undefined },
  context: Context,
): Promise<Anew> {
  const decoder = await decoderOf(backup, { identity }, context)
  const onBytes = bytesOf(context, 'encode-image')
  const [stored, decoded] = [new Tap(), new Tap()]
  const bytes = readStored(backup, context, done => onBytes(done, backup.size))
  const image = decoded.through(decoder.decode(stored.through(bytes)))
  let written: EncodedFile
  try {
    written = await writeEncoded(image, encoder, staging.file('image.encoded'), context)
  } catch (error) {
    const why = await whyUndecodable(error, backup, context)
    throw why === null ? error : damagedBackup(backup, why.problems)
  }
  const [file, seen] = [stored.seen(), decoded.seen()]
  const problems = [
    ...differences(file.sizeBytes, file.checksum, expectedOf(backup)),
    ...differences(seen.sizeBytes, seen.checksum, expectedImageOf(backup)),
  ]
  if (problems.length > 0) throw damagedBackup(backup, problems)
  return { written, image: seen }
}

/** Metadata first: without its file it is nothing, and with it the backup is there as a whole, at once. */
async function publish(
  before: BackupInfo,
  {
    filename,
    encoding,
    written,
    image,
    addedBytes,
    isSealed,
    signer,
  }: Anew & Pick<BackupInfo, 'filename'> & Pick<ConvertOrder, 'encoding' | 'signer'>,
  context: Context,
): Promise<void> {
  const { backupDir, fileMode } = context.settings
  const keys = {
    file_size: written.sizeBytes,
    checksum: written.checksum,
    image_size: image.sizeBytes,
    image_checksum: image.checksum,
    added_bytes: addedBytes,
    encoding,
    encrypted: isSealed === true ? true : undefined,
    converted_from: before.filename,
  } satisfies Partial<Metadata>
  // Of what was signed the file is another: where nobody signs, the old signature would be wrong.
  const signature = signatureOf({ ...(before.metadata as Metadata), ...keys }, signer)
  begin(context, 'write-metadata')
  const old = metadataPath(backupDir, before.filename)
  const text = await during('read', old, () => readFile(old, 'utf8'))
  await using staging = await Staging.open(backupDir, metadataDirectory(backupDir))
  const staged = staging.file('metadata.json')
  await writeNewFile(staged, editMetadata(text, { ...keys, signature }), fileMode, durabilityOf(context))
  const metadata = metadataPath(backupDir, filename)
  await renameDurably(staged, metadata, durabilityOf(context))
  begin(context, 'publish-image')
  const path = join(typeDirectory(backupDir, before.type), filename)
  try {
    await renameDurably(written.file, path, durabilityOf(context))
  } catch (error) {
    // The file first: without its metadata it would be taken for another backup.
    await removeFile(path).catch(() => {})
    await removeFile(metadata).catch(() => {})
    throw error
  }
}
