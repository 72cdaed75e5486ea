/** From the catalog's list to the state of a database's backups. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import { findLastGood } from '../schedule/good-backup.ts'
import type { DatabaseHealth, TypeHealth } from './health.ts'

/** @param backups of one database, newest first; null when its catalog could not be read */
export function assessDatabase(
  database: string,
  backups: readonly BackupInfo[] | null,
  now: Date,
): Omit<DatabaseHealth, 'packBytes'> {
  if (backups === null) return { database, isReadable: false, newestGoodAt: null, types: [] }
  const good = findLastGood(backups, now)
  const byType = [...Map.groupBy(backups, backup => backup.type)]
  return {
    database,
    isReadable: true,
    newestGoodAt: good === null ? null : new Date(good.created),
    types: byType
      .map(([type, list]) => assessType(type, list))
      .toSorted((a, b) => (a.type < b.type ? -1 : 1)),
  }
}

function assessType(type: string, backups: readonly BackupInfo[]): TypeHealth {
  const newest = backups.find(({ metadataState }) => metadataState === 'ok')
  const verified = backups.flatMap(({ metadata }) => metadata?.verified_at ?? []).map(at => Date.parse(at))
  const drills = backups.flatMap(({ metadata }) => metadata?.last_drill ?? [])
  const drill = drills.toSorted((a, b) => Date.parse(b.at) - Date.parse(a.at))[0]
  return {
    type,
    backups: backups.length,
    bytes: backups.reduce((sum, { size }) => sum + size, 0),
    withoutMetadata: backups.filter(({ metadataState }) => metadataState !== 'ok').length,
    newest:
      newest === undefined
        ? null
        : {
            at: new Date(newest.created),
            sizeBytes: newest.size,
            durationMs: newest.metadata?.duration_ms ?? null,
            isVerified: typeof newest.metadata?.verified_at === 'string',
          },
    lastVerifiedAt:
      verified.length === 0 ? null : new Date(verified.reduce((last, at) => Math.max(last, at))),
    lastDrill:
      drill === undefined
        ? null
        : { at: new Date(drill.at), passed: drill.passed, durationMs: drill.duration_ms ?? null },
  }
}
