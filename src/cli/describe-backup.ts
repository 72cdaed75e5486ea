import type { BackupInfo, SignatureState } from '../index.ts'
import { safeText } from './text.ts'
import { age, bytes } from './units.ts'

/** "manual, 3 hours ago, 4.2 MiB, by admin, "Before migration"" */
export function describeBackup(backup: BackupInfo, now: Date): string {
  const { createdBy, description, pinned } = backup
  return [
    safeText(backup.type),
    ageOf(backup, now),
    bytes(backup.size),
    ...(createdBy === null || createdBy === '' ? [] : [`by ${safeText(createdBy)}`]),
    ...(description === null || description === '' ? [] : [`"${safeText(description)}"`]),
    ...(pinned === null ? [] : [`pinned by ${safeText(pinned.by)}: "${safeText(pinned.reason)}"`]),
  ].join(', ')
}

export function ageOf(backup: Pick<BackupInfo, 'created'>, now: Date): string {
  return age(now.getTime() - Date.parse(backup.created))
}

/** When it was made, in the time zone that its file name is in; without metadata in the system's. */
export function createdAt(backup: BackupInfo): string {
  const local = backup.metadata?.timestamp ?? systemTime(new Date(backup.created))
  return local.replace('T', ' ').slice(0, 'YYYY-MM-DD HH:MM'.length)
}

function systemTime(instant: Date): string {
  // Swedish dates are ISO 8601 dates.
  return instant.toLocaleString('sv-SE')
}

/** Marks what is special: a pin, or what cannot be relied on; empty when there is nothing to say. */
export function noteOn(backup: BackupInfo): string {
  if (backup.metadataState !== 'ok')
    return backup.metadataState === 'missing' ? 'no metadata' : 'metadata invalid'
  return [signatureNote(backup), damageNote(backup), ...(backup.pinned === null ? [] : ['pinned'])]
    .filter(Boolean)
    .join(', ')
}

/** What the last check found, of it and of its copies. */
function damageNote({ metadata }: BackupInfo): string {
  const copies = Object.entries(metadata?.copies ?? {})
  const damaged = copies.flatMap(([target, copy]) => (copy?.damaged_at === undefined ? [] : [target]))
  return [
    ...(metadata?.damaged_at === undefined ? [] : ['damaged']),
    ...(damaged.length === 0 ? [] : [`damaged at ${safeText(damaged.join(', '))}`]),
  ].join(', ')
}

/** What its signature is worth; nothing for one by a trusted key, or where none is trusted. */
export function signatureNote({ signature }: BackupInfo): string {
  return signature === null ? '' : SIGNATURES[signature]
}

const SIGNATURES: Readonly<Record<SignatureState, string>> = {
  valid: '',
  missing: 'not signed',
  'unknown-key': 'signed by an unknown key',
  wrong: 'signature of another',
}
