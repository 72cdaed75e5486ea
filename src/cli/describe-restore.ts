import type { BackupRestored, RestorePlan } from '../index.ts'
import { describeBackup } from './describe-backup.ts'
import type { Paint } from './output.ts'
import { safeText } from './text.ts'
import { bytes, duration } from './units.ts'

export interface RestoredView {
  readonly now: Date
  readonly paint: Paint
}

const COMPARISONS: Readonly<Record<BackupRestored['comparison'], string>> = {
  equal: 'compared with the backup: equal',
  'changed-since': 'compared with the backup: not equal any more',
  'not-compared': 'not compared with the backup',
}

export function describeRestored(restored: BackupRestored, { now, paint }: RestoredView): string {
  const { backup, targetPath, preRestoreBackup, keptFiles, notes, comparison, way } = restored
  const note = (text: string): string => `  ${paint('yellow', 'Note:')} ${text}`
  return [
    `${paint('green', '✔ Restored:')} ${safeText(targetPath)}`,
    `  from ${safeText(backup.filename)}`,
    `  (${describeBackup(backup, now)})`,
    way === 'transaction'
      ? '  in one transaction: programs that have it open see the restored data'
      : '  as a new file',
    ...(preRestoreBackup === null ? [] : [`  what was there before: ${safeText(preRestoreBackup.path)}`]),
    ...keptFiles.map(path => `  kept as it was: ${safeText(path)}`),
    `  ${COMPARISONS[comparison]}, ${duration(restored.durationMs)}`,
    ...(comparison === 'changed-since'
      ? [note('another program has written to the database since the restore.')]
      : []),
    ...notes.map(text => note(safeText(text))),
  ].join('\n')
}

/** What a dry run found. */
export function describePlan(plan: RestorePlan, now: Date): string {
  const { backup, targetPath, target, way, preRestoreBackup, neededBytes } = plan
  const over = {
    missing: 'nothing is there now',
    database: 'a database, which would be overwritten',
    unreadable: 'a file that is no readable database, which would be replaced',
  }[target]
  return [
    `Would restore: ${safeText(targetPath)}`,
    `  now: ${over}`,
    `  from ${safeText(backup.filename)}, which is intact`,
    `  (${describeBackup(backup, now)})`,
    way === 'transaction' ? '  in one transaction' : '  as a new file',
    preRestoreBackup ? '  after a pre_restore backup of what is there now' : '  without a pre_restore backup',
    `  needs ${bytes(neededBytes)} of free space`,
    'Nothing was changed.',
  ].join('\n')
}
