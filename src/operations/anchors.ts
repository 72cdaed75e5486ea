/** The anchors of the audit log at a target: putting one, reading them, and deleting those that are not needed. */
import { readFile, realpath } from 'node:fs/promises'
import { hostname } from 'node:os'
import {
  ANCHORS_PREFIX,
  type AuditAnchor,
  anchorKey,
  anchorText,
  anchorTime,
  parseAnchorKey,
  placeId,
} from '../audit/anchor.ts'
import { readNewest } from '../audit/log-file.ts'
import { anchorsToDelete } from '../audit/thin-anchors.ts'
import { agreeingAnchors } from '../audit/verify-log.ts'
import { toFailure } from '../errors.ts'
import { inParallel } from '../storage/in-parallel.ts'
import { targetFailure } from '../storage/target-failure.ts'
import type { Target } from '../storage/target.ts'
import type { Context, TargetContext } from './context.ts'

/** A hundred machines' of a year, and more: who lists more than that wants to fill the memory. */
const ANCHORS_MAX = 50_000
const DELETIONS_AT_ONCE = 4

/**
 * Gives a target the newest line of the audit log to keep, by its number and its hash. Whatever goes wrong, what was copied
 * there is copied: returns why there is no anchor, as a sentence, or null.
 */
export async function putAnchor(target: Target, context: Context): Promise<string | null> {
  const { settings, signal, now } = context
  try {
    const newest = await readNewest(settings.backupDir)
    if (newest === null) return null
    const anchor = { ...newest, place: await placeOf(settings.backupDir), time: anchorTime(now()) }
    // False where it is there already: then it says the same.
    await target.putIfAbsent(anchorKey(anchor), Buffer.from(anchorText(anchor, settings.name)), { signal })
    return null
  } catch (error) {
    return toFailure(error).message
  }
}

/** What names a backup directory in anchors; it need not be there. */
export async function placeOf(backupDir: string): Promise<string> {
  return placeId({
    // Of systemd; many machines have a host name in common.
    machine: (await readFile('/etc/machine-id', 'utf8').catch(() => '')).trim(),
    host: hostname(),
    backupDir: await realpath(backupDir).catch(() => backupDir),
  })
}

/** All anchors at a target, of whatever log. What else lies there is none, and is left alone. */
export async function readAnchors(
  target: Target,
  { signal }: Pick<TargetContext, 'signal'>,
): Promise<readonly AuditAnchor[]> {
  const anchors: AuditAnchor[] = []
  for await (const { key } of target.list(ANCHORS_PREFIX, { signal })) {
    const anchor = parseAnchorKey(key)
    if (anchor === null) continue
    if (anchors.length === ANCHORS_MAX) throw tooMany(target)
    anchors.push(anchor)
  }
  return anchors
}

function tooMany({ name }: Target): Error {
  return targetFailure(name, 'OBJECT_DAMAGED', `there are more than ${ANCHORS_MAX} anchors of audit logs`, {
    hint: `Look at what lies there below ${ANCHORS_PREFIX}, and at who may write it.`,
  })
}

/**
 * Deletes the anchors of this log that are not needed any more: see `anchorsToDelete`. None while the log and any of them
 * contradict each other, as that one may be all that tells. What goes wrong is no failure of a cleanup: the next one tries
 * again.
 */
export async function thinAnchors(target: Target, context: Context): Promise<void> {
  const { settings, signal, now } = context
  try {
    const found = { target: target.name, anchors: await readAnchors(target, context), failure: null }
    if (found.anchors.length < 2) return
    const own = await agreeingAnchors(settings.backupDir, found, await placeOf(settings.backupDir))
    await inParallel(anchorsToDelete(own ?? [], now()), DELETIONS_AT_ONCE, anchor =>
      // One that is locked until a date keeps no other.
      target.delete(anchorKey(anchor), { signal }).catch(() => {}),
    )
  } catch {
    // The next cleanup tries again.
  }
}
