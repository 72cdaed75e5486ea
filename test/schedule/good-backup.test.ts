import { expect, test } from 'vitest'
import type { BackupInfo } from '../../src/index.ts'
import { oldestVerificationFirst } from '../../src/schedule/good-backup.ts'

const NOW = new Date('2026-11-25T04:00:00Z')

function backup(filename: string, metadata: { verified_at?: string; damaged_at?: string }): BackupInfo {
  return { filename, created: '2026-11-01T02:00:00.000Z', metadataState: 'ok', metadata } as BackupInfo
}

function order(...backups: readonly BackupInfo[]): string[] {
  return oldestVerificationFirst(backups, NOW).map(({ filename }) => filename)
}

test('backups are verified in turn: what nobody ever looked at, then what was looked at longest ago', () => {
  const yesterday = backup('yesterday', { verified_at: '2026-11-24T04:00:00.000Z' })
  const long = backup('long ago', { damaged_at: '2026-11-02T04:00:00.000Z' })
  expect(order(yesterday, long, backup('never', {}))).toEqual(['never', 'long ago', 'yesterday'])
})

test('a look that a clock noted which ran ahead counts as none', () => {
  const yesterday = backup('yesterday', { verified_at: '2026-11-24T04:00:00.000Z' })
  const corrected = backup('corrected', { verified_at: '2026-11-25T04:01:00.000Z' })
  const ahead = backup('ahead', { verified_at: '2029-11-25T04:00:00.000Z' })
  expect(order(corrected, yesterday, ahead)).toEqual(['ahead', 'yesterday', 'corrected'])
})
