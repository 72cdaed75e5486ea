import { openKeyFilesWith } from '../blocks/key-files.ts'
import { listCatalog } from '../catalog/list.ts'
import { NO_KEYS, readKeys } from '../encoding/keys.ts'
import { BackupError, throwIfCancelled, toFailure } from '../errors.ts'
import { askedShare, askedTime } from './asked-portion.ts'
import { begin, type Context } from './context.ts'
import type { CopiesAtTarget, CopiesVerified, VerifyCopiesRequest } from './copies-reports.ts'
import { CopyProgress } from './copy-progress.ts'
import { CopiesReading, type CopiesRun, type Limits } from './copies/reading.ts'
import { targetSettings, withTarget } from './target-access.ts'

/**
 * Reads again what lies at targets, as it lies there: those objects first that were read longest ago, all of them or a
 * part. What is damaged or gone is the answer, not an error, and is noted, so that the next sync replaces it. All targets
 * at once; one that fails is part of the answer.
 */
export async function verifyCopies(request: VerifyCopiesRequest, context: Context): Promise<CopiesVerified> {
  const started = performance.now()
  const { settings, signal } = context
  const startedAt = context.now()
  const limits = limitsOf(request)
  const names = request.target === undefined ? Object.keys(settings.targets) : [request.target]
  for (const name of names) targetSettings(settings, name)
  begin(context, 'list-target')
  const here = await listCatalog(settings.backupDir, { database: settings.name })
  const progress = new CopyProgress(context, 'verify-backup')
  const open = openKeyFilesWith(() => readKeys(settings.storing.encryption, undefined).catch(() => NO_KEYS))
  const targets = await Promise.all(
    names.map(name => verifyAt(name, { here, limits, progress, open, startedAt }, context)),
  )
  throwIfCancelled(signal)
  return {
    success: true,
    status: statusOf(targets),
    targets,
    durationMs: Math.round(performance.now() - started),
  }
}

function statusOf(targets: readonly CopiesAtTarget[]): CopiesVerified['status'] {
  if (targets.some(({ problems }) => problems.length > 0)) return 'damaged'
  return targets.some(({ status }) => status === 'failed') ? 'incomplete' : 'intact'
}

async function verifyAt(name: string, run: CopiesRun, context: Context): Promise<CopiesAtTarget> {
  const started = performance.now()
  const reading = new CopiesReading(name, run, context)
  let failure: CopiesAtTarget['failure'] = null
  try {
    await withTarget(name, context, target => reading.read(target))
  } catch (error) {
    failure = toFailure(error)
  }
  const found = reading.found()
  return {
    name,
    status: found.problems.length > 0 ? 'damaged' : failure !== null ? 'failed' : 'intact',
    ...found,
    failure,
    durationMs: Math.round(performance.now() - started),
  }
}

/** Throws `INVALID_ARGUMENT`. */
function limitsOf({ within, sample, time }: VerifyCopiesRequest): Limits {
  if (within !== undefined && sample !== undefined) {
    throw new BackupError('INVALID_ARGUMENT', 'Copies are read within a time or by a share, not both', {
      hint: 'Give either --within (within) or --sample (sample).',
    })
  }
  const timeMs = time === undefined ? null : askedTime(time)
  if (within !== undefined) return { portion: { withinMs: askedTime(within) }, timeMs }
  return { portion: sample === undefined ? null : { share: askedShare(sample, 'the copies') }, timeMs }
}
