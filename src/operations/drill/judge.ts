/** What a drill means, once its work is done. Reads nothing. */
import type { BackupInfo } from '../../catalog/backup-info.ts'
import type { Failure } from '../../errors.ts'
import type { StoredCheck } from '../check-stored.ts'
import type { BackupDrilled, DrillCheck, RowCount, VerifyProblem } from '../reports.ts'

/** What became of the backup: either why it could not be restored, or what the restored file is like. */
export type Restored =
  | { readonly failure: Failure; readonly restoreMs: null; readonly stored: null }
  | { readonly failure: null; readonly restoreMs: number; readonly stored: RestoredFile }

export type RestoredFile = Pick<StoredCheck, 'sizeBytes' | 'problems' | 'tables' | 'unchecked'>

type Verdict = Pick<BackupDrilled, 'status' | 'checks' | 'rowCounts'>

/** Passed when no check failed; a check that could not be made, as nothing was recorded to compare with, is skipped. */
export function judgeDrill(backup: BackupInfo, restored: Restored): Verdict {
  const { stored } = restored
  const rowCounts = stored?.tables == null ? [] : compareRows(backup.metadata?.tables, stored.tables)
  const checks = [
    ...signatureOf(backup, restored.failure),
    ...(stored === null
      ? notRestored(restored.failure)
      : [
          passed('stored-file', 'The stored file is as its metadata says.'),
          restoredAsRecorded(stored.problems),
          integrityOf(stored),
          rowsOf(rowCounts, stored),
        ]),
  ]
  return {
    status: checks.some(check => check.status === 'failed') ? 'failed' : 'passed',
    checks,
    rowCounts,
  }
}

/** Every table of the metadata and of the restored database, by name; null where one of them does not have it. */
function compareRows(
  recorded: Readonly<Record<string, number>> | undefined,
  found: Readonly<Record<string, number>>,
): RowCount[] {
  const names = new Set([...Object.keys(recorded ?? {}), ...Object.keys(found)])
  return [...names].toSorted().map(table => ({
    table,
    recorded: countIn(recorded ?? {}, table),
    found: countIn(found, table),
  }))
}

/** A table may be called `constructor`. */
function countIn(counts: Readonly<Record<string, number>>, table: string): number | null {
  return Object.hasOwn(counts, table) ? (counts[table] as number) : null
}

/** Nothing where nobody asks for signatures. */
function signatureOf({ signature }: BackupInfo, failure: Failure | null): DrillCheck[] {
  if (signature === null) return []
  if (failure?.code === 'BACKUP_UNTRUSTED') return [failed('signature', failure.message)]
  if (signature === 'valid') return [passed('signature', 'It is signed by a trusted key.')]
  return [skipped('signature', 'It is not signed, which was accepted.')]
}

function notRestored({ code, message }: Failure): DrillCheck[] {
  return [
    ...storedAndRestored(code, message),
    skipped('integrity', 'There is no restored database.'),
    skipped('row-counts', 'There is no restored database.'),
  ]
}

function storedAndRestored(code: Failure['code'], message: string): DrillCheck[] {
  if (code === 'BACKUP_UNTRUSTED') {
    const why = 'Nothing is restored that no trusted key has signed.'
    return [skipped('stored-file', why), skipped('restore', why)]
  }
  return code === 'RESTORE_FAILED'
    ? [passed('stored-file', 'The stored file is as its metadata says.'), failed('restore', message)]
    : [failed('stored-file', message), skipped('restore', 'Nothing damaged is ever restored.')]
}

function restoredAsRecorded(problems: readonly VerifyProblem[]): DrillCheck {
  const differing = problems.find(({ code }) => code === 'SIZE_DIFFERS' || code === 'CHECKSUM_DIFFERS')
  return differing === undefined
    ? passed('restore', 'The restored database equals the backup, byte for byte.')
    : failed('restore', differing.message)
}

function integrityOf({ problems, unchecked }: RestoredFile): DrillCheck {
  const found = problems.find(({ code }) => code === 'INTEGRITY' || code === 'NOT_A_DATABASE')
  if (found !== undefined) return failed('integrity', found.message)
  const leftOut =
    unchecked.length === 0 ? '' : ` Left out for want of its application: ${unchecked.join('; ')}.`
  return passed('integrity', `SQLite's full integrity check found nothing.${leftOut}`)
}

function rowsOf(counts: readonly RowCount[], { tables }: RestoredFile): DrillCheck {
  if (tables === null) return skipped('row-counts', 'Rows of a damaged database are not counted.')
  const compared = counts.filter(({ recorded }) => recorded !== null)
  if (compared.length === 0 && counts.length > 0)
    return skipped('row-counts', 'The metadata has no row counts to compare with.')
  const differing = compared.filter(({ recorded, found }) => recorded !== found)
  if (differing.length === 0) return passed('row-counts', 'Every table has as many rows as recorded.')
  const words = differing.map(
    ({ table, recorded, found }) =>
      `${JSON.stringify(table)}: ${recorded} recorded, ${found === null ? 'no such table' : `${found} found`}`,
  )
  return failed('row-counts', `Rows differ: ${words.join('; ')}`)
}

function passed(name: DrillCheck['name'], message: string): DrillCheck {
  return { name, status: 'passed', message }
}

function failed(name: DrillCheck['name'], message: string): DrillCheck {
  return { name, status: 'failed', message }
}

function skipped(name: DrillCheck['name'], message: string): DrillCheck {
  return { name, status: 'skipped', message }
}
