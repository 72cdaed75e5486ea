import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Metadata } from '../../src/catalog/metadata.ts'
import { assessDatabase } from '../../src/metrics/assess.ts'
import type { Health } from '../../src/metrics/health.ts'
import { renderMetrics } from '../../src/metrics/render.ts'
import type { BackupInfo } from '../../src/index.ts'
import { backupInfo } from '../support/backup-info.ts'
import { run, testWith } from '../support/requirements.ts'
import { parseMetrics } from './parse.ts'

const AT = new Date('2026-11-25T03:00:00Z')

const HEALTH: Health = {
  at: AT,
  databases: [
    {
      database: 'shop',
      isReadable: true,
      newestGoodAt: new Date('2026-11-25T02:00:00.500Z'),
      packBytes: 81_920,
      types: [
        {
          type: 'daily',
          backups: 7,
          bytes: 7168,
          withoutMetadata: 1,
          newest: {
            at: new Date('2026-11-25T02:00:00.500Z'),
            sizeBytes: 1024,
            durationMs: 4200,
            isVerified: true,
          },
          lastVerifiedAt: new Date('2026-11-25T02:00:04Z'),
          lastDrill: { at: new Date('2026-11-22T05:00:00Z'), passed: false, durationMs: null },
        },
      ],
    },
    { database: 'gone', isReadable: false, newestGoodAt: null, types: [], packBytes: null },
    { database: 'new', isReadable: true, newestGoodAt: null, types: [], packBytes: null },
  ],
  jobs: [
    {
      database: 'shop',
      job: 'daily',
      lastRunAt: new Date('2026-11-25T02:00:00Z'),
      lastSuccessAt: null,
      failingSince: new Date('2026-11-24T02:00:00Z'),
      nextRunAt: new Date('2026-11-26T02:00:00Z'),
    },
  ],
}

test('every figure is there, by database and type, in base units', () => {
  const lines = renderMetrics(HEALTH).split('\n')
  expect(lines.filter(line => !line.startsWith('#'))).toEqual([
    'chame_backup_metrics_timestamp_seconds 1795575600',
    'chame_backup_catalog_readable{database="shop"} 1',
    'chame_backup_catalog_readable{database="gone"} 0',
    'chame_backup_catalog_readable{database="new"} 1',
    'chame_backup_newest_good_timestamp_seconds{database="shop"} 1795572000.5',
    'chame_backup_newest_good_timestamp_seconds{database="new"} 0',
    'chame_backup_last_success_timestamp_seconds{database="shop",type="daily"} 1795572000.5',
    'chame_backup_last_success_age_seconds{database="shop",type="daily"} 3599.5',
    'chame_backup_last_duration_seconds{database="shop",type="daily"} 4.2',
    'chame_backup_last_size_bytes{database="shop",type="daily"} 1024',
    'chame_backup_last_verified{database="shop",type="daily"} 1',
    'chame_backup_last_verify_timestamp_seconds{database="shop",type="daily"} 1795572004',
    'chame_backup_last_drill_timestamp_seconds{database="shop",type="daily"} 1795323600',
    'chame_backup_last_drill_passed{database="shop",type="daily"} 0',
    'chame_backup_backups{database="shop",type="daily"} 7',
    'chame_backup_stored_bytes{database="shop",type="daily"} 7168',
    'chame_backup_pack_bytes{database="shop"} 81920',
    'chame_backup_backups_without_metadata{database="shop",type="daily"} 1',
    'chame_backup_job_last_run_timestamp_seconds{database="shop",job="daily"} 1795572000',
    'chame_backup_job_failing{database="shop",job="daily"} 1',
    'chame_backup_job_failing_since_timestamp_seconds{database="shop",job="daily"} 1795485600',
    'chame_backup_job_next_run_timestamp_seconds{database="shop",job="daily"} 1795658400',
    '',
  ])
})

test('docs/notifications.md says what each of them is', () => {
  const page = readFileSync(new URL('../../docs/notifications.md', import.meta.url), 'utf8')
  for (const name of parseMetrics(renderMetrics(HEALTH)).keys()) {
    expect(page).toContain(`\`${name.replace('chame_backup_', '')}\``)
  }
})

const anyDate = fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2100-01-01') })
const anyHealth: fc.Arbitrary<Health> = fc.record({
  at: anyDate,
  databases: fc.uniqueArray(
    fc.record({
      database: fc.string({ unit: 'binary' }),
      isReadable: fc.boolean(),
      packBytes: fc.option(fc.nat()),
      newestGoodAt: fc.option(anyDate),
      types: fc.uniqueArray(
        fc.record({
          type: fc.string({ unit: 'binary' }),
          backups: fc.nat(),
          bytes: fc.nat(),
          withoutMetadata: fc.nat(),
          newest: fc.option(
            fc.record({
              at: anyDate,
              sizeBytes: fc.nat(),
              durationMs: fc.option(fc.double({ min: 0, max: 1e12, noNaN: true })),
              isVerified: fc.boolean(),
            }),
          ),
          lastVerifiedAt: fc.option(anyDate),
          lastDrill: fc.option(
            fc.record({ at: anyDate, passed: fc.boolean(), durationMs: fc.option(fc.nat()) }),
          ),
        }),
        { selector: ({ type }) => type.toWellFormed(), maxLength: 3 },
      ),
    }),
    { selector: ({ database }) => database.toWellFormed(), maxLength: 3 },
  ),
})

test('whatever the names are, a strict reader reads every label back as it is', () => {
  fc.assert(
    fc.property(anyHealth, health => {
      const metrics = parseMetrics(renderMetrics(health))
      const backups = metrics.get('chame_backup_backups')?.samples ?? []
      const expected = health.databases.flatMap(({ database, types }) =>
        types.map(({ type, backups: value }) => ({
          labels: { database: database.toWellFormed(), type: type.toWellFormed() },
          value,
        })),
      )
      expect(backups).toEqual(expected)
    }),
  )
})

testWith(['promtool'], 'Prometheus’s own tool finds nothing wrong with them', () => {
  expect(run('promtool', ['check', 'metrics'], renderMetrics(HEALTH))).toBe('')
  const [first] = HEALTH.databases
  const hostile = { ...first, database: 'a"b\\c\nd' } as (typeof HEALTH.databases)[number]
  expect(run('promtool', ['check', 'metrics'], renderMetrics({ ...HEALTH, databases: [hostile] }))).toBe('')
})

const NOW = new Date('2026-11-24T12:00:00Z')
const METADATA: Metadata = {
  timestamp: '2026-11-20T02:00:00',
  backup_type: 'daily',
  database_version: '0',
  file_size: 10,
  checksum: '0'.repeat(64),
  description: '',
  created_by: '',
}

function backup(filename: string, more: Partial<BackupInfo>): BackupInfo {
  return backupInfo({ filename, created: '2026-11-20T02:00:00.000Z', ...more })
}

test('the newest good backup is one that can be relied on and that no restore made', () => {
  const backups = [
    backup('4', { created: '2026-11-24T02:00:00.000Z', type: 'pre_restore' }),
    backup('3', { created: '2026-11-23T02:00:00.000Z', metadataState: 'missing' }),
    backup('2', { created: '2026-11-22T02:00:00.000Z', metadataState: 'invalid' }),
    backup('1', { created: '2026-11-21T02:00:00.000Z', metadata: { ...METADATA, verified_at: null } }),
    backup('0', {
      created: '2026-11-20T02:00:00.000Z',
      metadata: { ...METADATA, verified_at: '2026-11-20T02:00:00.000Z' },
    }),
  ]
  const health = assessDatabase('shop', backups, NOW)
  expect(health.newestGoodAt).toEqual(new Date('2026-11-20T02:00:00.000Z'))
  expect(health.types.map(({ type }) => type)).toEqual(['daily', 'pre_restore'])
  expect(health.types[0]).toMatchObject({ backups: 4, bytes: 40, withoutMetadata: 2 })
})

test('the latest drill and the latest check count, whichever backup they were of', () => {
  const drill = (at: string, passed: boolean): object => ({ last_drill: { at, passed, duration_ms: 1500 } })
  const backups = [
    backup('3', { metadata: { ...METADATA, verified_at: '2026-11-22T02:00:00Z', duration_ms: 250 } }),
    backup('2', { metadata: { ...METADATA, ...drill('2026-11-23T05:00:00Z', true) } }),
    backup('1', {
      metadata: { ...METADATA, verified_at: '2026-11-24T02:00:00Z', ...drill('2026-11-16T05:00:00Z', false) },
    }),
  ]
  expect(assessDatabase('shop', backups, NOW).types[0]).toMatchObject({
    newest: { durationMs: 250, isVerified: true },
    lastVerifiedAt: new Date('2026-11-24T02:00:00Z'),
    lastDrill: { at: new Date('2026-11-23T05:00:00Z'), passed: true, durationMs: 1500 },
  })
})

test('the last verification is found among however many backups', () => {
  const metadata = { verified_at: '2026-11-24T00:00:00.000Z' } as Metadata
  const backups = Array.from({ length: 200_000 }, () => backupInfo({ metadata }))
  const [type] = assessDatabase('shop', backups, AT).types
  expect(type).toMatchObject({ backups: 200_000, lastVerifiedAt: new Date(metadata.verified_at as string) })
})
