/** Checking what is stored as it is, without opening what is in it. */
import type { BackupInfo, CheckLevel } from '../catalog/backup-info.ts'
import { type Bytes, type Seen, Tap } from '../encoding/bytes.ts'
import { checkStored, differences, expectedOf } from './check-stored.ts'
import { bytesOf, type Context } from './context.ts'
import { readStored } from './read-stored.ts'
import type { VerifyProblem } from './reports.ts'
import { checkSealed, isSealed } from './sealed-blocks.ts'

/** A stored file that was read to its end, and how it differs from its metadata. */
export interface StoredRead {
  /** The stored file as it is now. */
  readonly stored: Seen
  readonly problems: readonly VerifyProblem[]
}

export interface StoredChecked extends StoredRead {
  readonly unchecked: readonly string[]
}

/** Checks what is stored, without looking inside: of an encrypted backup of pages, the packs that it relies on, too. */
export async function checkUnopened(
  backup: BackupInfo,
  asked: CheckLevel,
  context: Context,
): Promise<StoredChecked> {
  const isOfPages = asked !== 'none' && backup.encoding === 'blocks' && (await isSealed(backup, context))
  return isOfPages ? await checkSealed(backup, context) : await checkFile(backup, 'none', context)
}

/** Checks the stored file as it is; one that is not plain, or at a target, can only be checked at level `none`. */
export async function checkFile(
  backup: BackupInfo,
  level: CheckLevel,
  context: Context,
): Promise<StoredChecked> {
  if (backup.target !== null) return { ...(await readWhole(backup, context, drain)), unchecked: [] }
  const order = { level, expected: expectedOf(backup), countRows: false }
  const { checksum, sizeBytes, problems, unchecked } = await checkStored(
    backup.path,
    order,
    context,
    bytesOf(context, 'verify-backup'),
  )
  return { stored: { checksum, sizeBytes }, problems, unchecked }
}

/** Reads the stored file to its end, wherever it is, and compares it with its metadata. */
export async function readWhole(
  backup: BackupInfo,
  context: Context,
  take: (bytes: Bytes) => Promise<void>,
): Promise<StoredRead> {
  const report = bytesOf(context, 'fetch-backup')
  const tap = new Tap()
  await take(tap.through(readStored(backup, context, done => report(done, backup.size))))
  const stored = tap.seen()
  return { stored, problems: differences(stored.sizeBytes, stored.checksum, expectedOf(backup)) }
}

async function drain(bytes: Bytes): Promise<void> {
  for await (const _ of bytes) continue
}
