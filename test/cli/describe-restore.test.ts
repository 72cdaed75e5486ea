import { expect, test } from 'vitest'
import { describeRestored } from '../../src/cli/describe-restore.ts'
import type { BackupRestored } from '../../src/index.ts'
import { backupInfo } from '../support/backup-info.ts'

const NOW = new Date('2026-11-25T12:00:00Z')

const RESTORED: BackupRestored = {
  success: true,
  dryRun: false,
  backup: backupInfo(),
  targetPath: '/srv/app.db',
  way: 'transaction',
  preRestoreBackup: null,
  keptFiles: [],
  comparison: 'equal',
  journalMode: 'wal',
  notes: [],
  durationMs: 42,
}

test.each([
  ['equal', ['  compared with the backup: equal, 42 ms']],
  [
    'changed-since',
    [
      '  compared with the backup: not equal any more, 42 ms',
      '  Note: another program has written to the database since the restore.',
    ],
  ],
  ['not-compared', ['  not compared with the backup, 42 ms']],
] as const)('a restored database that is %s with its backup is told as that', (comparison, lines) => {
  const words = describeRestored({ ...RESTORED, comparison }, { now: NOW, paint: (_, text) => text })
  expect(words.split('\n').slice(4)).toEqual(lines)
})
