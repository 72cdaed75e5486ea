/** What a drill makes of what came out of the restore: its verdict, check by check. */
import { expect, test } from 'vitest'
import type { BackupInfo } from '../../src/catalog/backup-info.ts'
import type { Metadata } from '../../src/catalog/metadata.ts'
import { backupInfo } from '../support/backup-info.ts'
import { judgeDrill, type Restored, type RestoredFile } from '../../src/operations/drill/judge.ts'

const METADATA: Metadata = {
  timestamp: '2025-06-27T02:00:00',
  backup_type: 'daily',
  database_version: '0',
  file_size: 4096,
  checksum: '0'.repeat(64),
  description: '',
  created_by: 'root',
  tables: { users: 3, constructor: 1 },
}

function backup(metadata: Metadata | null): BackupInfo {
  return backupInfo({ size: 4096, metadataState: metadata === null ? 'missing' : 'ok', metadata })
}

function restored(stored: Partial<RestoredFile> = {}): Restored {
  const whole = { sizeBytes: 4096, problems: [], tables: { users: 3, constructor: 1 }, unchecked: [] }
  return { failure: null, restoreMs: 5, stored: { ...whole, ...stored } }
}

function failing(code: 'RESTORE_FAILED' | 'BACKUP_DAMAGED', message: string): Restored {
  return { failure: { success: false, code, message }, restoreMs: null, stored: null }
}

/** Each check as `name status`. */
function judged(what: Restored, metadata: Metadata | null = METADATA): string[] {
  return judgeDrill(backup(metadata), what).checks.map(({ name, status }) => `${name} ${status}`)
}

test('what was restored as recorded, sound and with all its rows passes', () => {
  const verdict = judgeDrill(backup(METADATA), restored())
  expect(verdict.status).toBe('passed')
  expect(verdict.rowCounts).toEqual([
    { table: 'constructor', recorded: 1, found: 1 },
    { table: 'users', recorded: 3, found: 3 },
  ])
})

test('a damaged backup fails at its stored file, and nothing after that is asked', () => {
  expect(judged(failing('BACKUP_DAMAGED', 'The SHA-256 differs'))).toEqual([
    'stored-file failed',
    'restore skipped',
    'integrity skipped',
    'row-counts skipped',
  ])
})

test('a restore that fails by itself says nothing against the stored file', () => {
  const { status, checks } = judgeDrill(backup(METADATA), failing('RESTORE_FAILED', 'The copy differs'))
  expect(status).toBe('failed')
  expect(checks.slice(0, 2)).toMatchObject([
    { name: 'stored-file', status: 'passed' },
    { name: 'restore', status: 'failed', message: 'The copy differs' },
  ])
})

test.each(['SIZE_DIFFERS', 'CHECKSUM_DIFFERS'] as const)(
  '%s of the restored file is a failed restore',
  code => {
    expect(judged(restored({ problems: [{ code, message: 'differs' }] }))).toContain('restore failed')
  },
)

test.each(['INTEGRITY', 'NOT_A_DATABASE'] as const)('%s is a failed check of integrity', code => {
  const found = restored({ problems: [{ code, message: 'bad page' }], tables: null })
  expect(judged(found)).toEqual([
    'stored-file passed',
    'restore passed',
    'integrity failed',
    'row-counts skipped',
  ])
})

test('tables that only their application can check are named, and fail nothing', () => {
  const { status, checks } = judgeDrill(backup(METADATA), restored({ unchecked: ['words: no tokenizer'] }))
  expect(status).toBe('passed')
  expect(checks.find(({ name }) => name === 'integrity')?.message).toContain('words: no tokenizer')
})

test('rows that differ fail the drill, each table with both numbers', () => {
  const { status, checks } = judgeDrill(backup(METADATA), restored({ tables: { users: 2 } }))
  expect(status).toBe('failed')
  expect(checks.find(({ name }) => name === 'row-counts')?.message).toBe(
    'Rows differ: "constructor": 1 recorded, no such table; "users": 3 recorded, 2 found',
  )
})

test.each([
  ['without metadata', null],
  ['without row counts in it', { ...METADATA, tables: undefined }],
])('a backup %s has no rows to compare, and passes', (_, metadata) => {
  expect(judged(restored(), metadata)).toContain('row-counts skipped')
  expect(judgeDrill(backup(metadata), restored()).status).toBe('passed')
})

test('a database without tables has all the rows that it should have', () => {
  expect(judged(restored({ tables: {} }), { ...METADATA, tables: {} })).toContain('row-counts passed')
})
