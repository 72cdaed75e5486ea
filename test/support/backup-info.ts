import type { BackupInfo } from '../../src/catalog/backup-info.ts'

/** A backup that the catalog would list, for what decides by its listing alone: of `app`, daily, 10 bytes, undescribed. */
export function backupInfo(more: Partial<BackupInfo> = {}): BackupInfo {
  return {
    filename: 'app_backup_daily_20250627_020000.db',
    target: null,
    path: '/backups/daily/app_backup_daily_20250627_020000.db',
    type: 'daily',
    database: 'app',
    created: '2025-06-27T00:00:00.000Z',
    size: 10,
    checksum: null,
    description: null,
    createdBy: null,
    databaseVersion: null,
    encoding: 'plain',
    pinned: null,
    copies: [],
    signature: null,
    metadataState: 'ok',
    metadataProblem: null,
    metadata: null,
    ...more,
  }
}
