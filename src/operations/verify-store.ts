import { openKeyFilesWith } from '../blocks/key-files.ts'
import { lockForReading } from '../blocks/readers-lock.ts'
import { type Sample, verifyStore as verifyPacks } from '../blocks/verify-store.ts'
import { readKeys } from '../encoding/keys.ts'
import { BackupError } from '../errors.ts'
import { askedShare, askedTime } from './asked-portion.ts'
import { blockStoreOf, restorePointsIn } from './block-store.ts'
import type { StoreVerified, VerifyStoreRequest } from './blocks-reports.ts'
import { begin, bytesOf, type Context } from './context.ts'

/** About what a part of a pack takes to look at, for the progress that is shown. */
const PART_BYTES = 4 << 20

/**
 * Proves that every page of every backup that is stored by its pages is there and is what it was, in full or a sample
 * that goes on where the last one stopped. Damage is the answer, not an error: with the backups that it hurts.
 */
export async function verifyStore(request: VerifyStoreRequest, context: Context): Promise<StoreVerified> {
  const started = performance.now()
  const { settings, signal } = context
  const sample = sampleOf(request)
  const keys = await readKeys(settings.storing.encryption, request.identity)
  const store = blockStoreOf(context)
  begin(context, 'lock-packs')
  using _lock = await lockForReading(store, { waitMs: settings.waitForLockMs, signal })
  begin(context, 'verify-packs')
  const report = bytesOf(context, 'verify-packs')
  const restorePoints = await restorePointsIn(settings.backupDir)
  const { damage, ...figures } = await verifyPacks(restorePoints, store, {
    open: openKeyFilesWith(async () => keys),
    sample,
    clock: () => performance.now(),
    signal,
    onParts: (done, total) => report(done * PART_BYTES, total * PART_BYTES),
  })
  return {
    success: true,
    status: damage.length === 0 ? 'intact' : 'damaged',
    problems: damage,
    backups: restorePoints.length,
    ...figures,
    durationMs: Math.round(performance.now() - started),
  }
}

/** Throws `INVALID_ARGUMENT`. */
function sampleOf({ sample, time }: VerifyStoreRequest): Sample {
  if (sample !== undefined && time !== undefined) {
    throw new BackupError('INVALID_ARGUMENT', 'A sample is of a share or of a time, not of both', {
      hint: 'Give either --sample (sample) or --time (time).',
    })
  }
  if (time !== undefined) return { timeMs: askedTime(time) }
  const share = sample === undefined ? 1 : askedShare(sample, 'the packs')
  return share === 1 ? null : { share }
}
