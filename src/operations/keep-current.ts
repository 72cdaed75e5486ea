import type { BackupInfo } from '../catalog/backup-info.ts'
import { readBackup } from '../catalog/list.ts'
import { localTime, PRE_RESTORE } from '../catalog/names.ts'
import { BackupError } from '../errors.ts'
import { removeFile } from '../storage/durable.ts'
import type { Decoder } from '../encoding/encoding.ts'
import { openSigner } from '../signing/open-signer.ts'
import type { Context } from './context.ts'
import { deleteStored } from './delete-stored.ts'
import { encoderOfOneFile } from './encoder-for.ts'
import { freeFilename } from './free-filename.ts'
import { keepDamagedFiles } from './keep-damaged.ts'
import type { Target } from './restore-target.ts'
import { storeBackup } from './store-backup.ts'
import { judged } from './trust.ts'

/** What is kept of the target as it was. */
export interface KeptState {
  readonly backup: BackupInfo | null
  /** Opens that backup, without an identity; null where none is needed. */
  readonly decoder: Decoder | null
  readonly files: readonly string[]
}

const NOTHING: KeptState = { backup: null, decoder: null, files: [] }

/**
 * Keeps what a restore is about to overwrite: as a pre_restore backup, or as raw copies where SQLite
 * cannot read it. Its image is not checked: it is kept as it is, good or bad.
 */
export async function keepCurrent(
  restored: BackupInfo,
  target: Target,
  context: Context,
): Promise<KeptState> {
  if (context.settings.disposable) return NOTHING
  if (target.state !== 'database') return keepFiles(target, context)
  // It must be readable at once, for the case that the restore fails.
  const encoder = await encoderOfOneFile(context)
  try {
    const created = await storeBackup(
      {
        source: target.path,
        type: PRE_RESTORE,
        description: `Before restoring ${restored.filename} to ${target.path}`,
        createdBy: context.settings.createdBy,
        check: 'none',
        keepDamaged: false,
        encoder,
        signer: await openSigner(context.settings.signing),
      },
      context,
    )
    const stored = await readBackup(context.settings.backupDir, PRE_RESTORE, created.filename)
    const backup = stored === null ? null : judged(stored, context)
    return { backup, decoder: encoder.encoding === 'blocks' ? null : encoder, files: [] }
  } catch (error) {
    const isDamage = error instanceof BackupError && error.code === 'DATABASE_DAMAGED'
    if (!isDamage) throw error
    return keepFiles(target, context)
  }
}

/** Removes what was kept, after a restore that was cancelled. */
export async function discardKept({ backup, files }: KeptState, context: Context): Promise<void> {
  if (backup !== null) await deleteStored(backup, context)
  for (const file of files) await removeFile(file)
}

async function keepFiles(target: Target, context: Context): Promise<KeptState> {
  const time = localTime(context.now(), context.settings.timeZone)
  const filename = await freeFilename(PRE_RESTORE, time, context)
  return { ...NOTHING, files: await keepDamagedFiles(target.path, filename, PRE_RESTORE, context) }
}
