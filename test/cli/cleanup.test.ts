import { readdirSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { BackupInfo } from '../../src/index.ts'
import { daily, madeUp, store } from '../retention/made-up.ts'
import { openWorkplace, type Workplace } from './run-cli.ts'

const TODAY = new Date().toISOString().slice(0, 10)

function fill(place: Workplace, count: number): string[] {
  const backups = daily(TODAY, count, { database: 'chame' }, '00')
  store(place.path('backups'), backups)
  return backups.map(({ filename }) => filename)
}

function stored(place: Workplace): number {
  return readdirSync(place.path('backups', 'daily')).length
}

test('cleanup prints what would go and what would stay, and why, and deletes nothing', async () => {
  using place = openWorkplace()
  const names = fill(place, 10)
  const { exit, stdout, stderr } = await place.cli(['cleanup'])
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  expect(stdout).toContain('Would delete 3 backups')
  expect(stdout).toContain('Would keep 7 backups')
  for (const name of names) expect(stdout).toContain(name)
  expect(stdout).toContain('no rule keeps it')
  expect(stdout).toContain('the newest of its database')
  expect(stdout).toContain('To delete 3 backups, 300 B: the same with --confirm')
  expect(stored(place)).toBe(10)
})

test('cleanup --confirm deletes, and says so; a second one has nothing to do', async () => {
  using place = openWorkplace()
  fill(place, 10)
  expect((await place.cli(['cleanup', '--confirm'])).stdout).toContain('✔ Deleted: 3 backups, 300 B')
  expect(stored(place)).toBe(7)
  expect((await place.cli(['cleanup', '--confirm'])).stdout).toContain('Nothing was deleted.')
  const names = (await place.cli(['cleanup', '--daily-keep', '5', '--confirm', '--quiet'])).stdout
  expect(names.trim().split('\n')).toHaveLength(2)
  expect(await place.json(['cleanup', '--daily-keep', '1'])).toMatchObject({
    dryRun: true,
    status: 'done',
    deleted: { length: 4 },
  })
  expect(stored(place)).toBe(5)
})

test('the rules of a policy can be given as options, for the scheduled types or for one', async () => {
  using place = openWorkplace()
  fill(place, 30)
  const rest = async (...words: string[]): Promise<number> => {
    const { kept } = await place.json(['cleanup', ...words])
    return (kept as unknown[]).length
  }
  expect(await rest('--keep-last', '3')).toBe(3)
  expect(await rest('--keep-within', '5d')).toBe(6)
  expect(await rest('--keep-last', '9', '--max-size', '0.4KB')).toBe(4)
  expect(await rest('--keep-last', '9', '--max-size', '0.4KB', '--min-count', '6')).toBe(6)
  expect(await rest('--keep-last', '1', '--min-age', '6d')).toBeGreaterThanOrEqual(6)
  expect(await rest('--type', 'daily', '--keep-daily', '2')).toBe(2)
  expect(await rest('--type', 'manual', '--keep-last', '1')).toBe(30)
  expect(await rest('--keep-last', '1', '--max-deletions', '4')).toBe(26)
})

test.each([
  [['--daily-keep', '0'], 'is empty'],
  [['--keep-last', '0'], 'keeps nothing'],
  [['--min-count', '3'], 'keeps nothing'],
  [['--daily-keep', 'many'], 'whole number'],
  [['--keep-within', 'soon'], 'Expected a span'],
  [['--max-size', 'large', '--keep-last', '1'], 'Expected bytes'],
  [['--daily-keep', '3', '--keep-last', '3'], 'cannot be used with'],
  [['--type', 'manual'], 'No rules say'],
  [['--type', 'weekly', '--daily-keep', '1'], 'dailyKeep is not for backups of type weekly'],
  [['--simulate', '90d'], 'cannot be used with'],
])('cleanup %j is refused, and says why', async (words, why) => {
  using place = openWorkplace()
  fill(place, 10)
  const { exit, stderr, stdout } = await place.cli(['cleanup', '--confirm', ...words])
  expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' })
  expect(stderr).toContain(why)
  expect(stored(place)).toBe(10)
})

test('where the dates cannot be right cleanup deletes nothing, says so, and exits with 3', async () => {
  using place = openWorkplace()
  fill(place, 10)
  store(place.path('backups'), [madeUp('2099-01-01T00:00:00Z', { database: 'chame' })])
  const { exit, stdout } = await place.cli(['cleanup', '--confirm'])
  expect(exit).toBe(3)
  expect(stdout).toContain('✘ Nothing may be deleted: a backup is dated in the future')
  expect(stored(place)).toBe(11)
})

test('the configuration’s policy holds, and one that is wrong is refused by its key', async () => {
  using place = openWorkplace()
  fill(place, 10)
  const configure = (retention: unknown): void =>
    writeFileSync(place.path('chame-backup.config.json'), JSON.stringify({ retention }))
  configure({ types: { daily: { keepLast: 2 } }, maxDeletions: 3 })
  expect(await place.json(['cleanup'])).toMatchObject({ deleted: { length: 3 }, left: 5 })
  configure({ types: { daily: {} } })
  const { exit, stderr } = await place.cli(['cleanup', '--confirm'])
  expect(exit).toBe(2)
  expect(stderr).toContain('retention.types.daily')
  expect(stored(place)).toBe(10)
})

test('cleanup --simulate draws what a policy would hold', async () => {
  using place = openWorkplace()
  fill(place, 1)
  const { exit, stdout } = await place.cli(['cleanup', '--simulate', '90d'])
  expect(exit).toBe(0)
  expect(stdout).toMatch(/\d{4}-\d\d-\d\d +7 +4 +1\.07 KiB +█{38,}/)
  expect(stdout).toContain('Held in the end: 11 backups')
  expect(stdout).toContain('keep-weekly')
  expect(await place.json(['cleanup', '--simulate', '1y', '--keep-monthly', '6'])).toMatchObject({
    success: true,
    policy: { daily: { keepMonthly: 6 }, weekly: { keepMonthly: 6 } },
  })
  expect(stored(place)).toBe(1)
})

test('cleanup --simulate --ahead says which of the backups of now go, and when', async () => {
  using place = openWorkplace()
  const filled = fill(place, 3)
  const { exit, stdout } = await place.cli(['cleanup', '--simulate', '30d', '--ahead', '--daily-keep', '1'])
  expect(exit).toBe(0)
  expect(stdout).toContain('Of the backups there are now 3 go')
  for (const filename of filled)
    expect(stdout).toMatch(new RegExp(`\\d{4}-\\d\\d-\\d\\d +daily +${filename}`))
  expect(stored(place)).toBe(3)
})

test('delete needs to be confirmed, and says what it deleted', async () => {
  using place = openWorkplace()
  const [, second = ''] = fill(place, 2)
  const refused = await place.cli(['delete', second])
  expect(refused.exit).toBe(2)
  expect(refused.stderr).toContain('Delete not confirmed')
  expect((await place.cli(['delete', second, '--confirm'])).stdout).toContain('✔ Deleted:')
  const last = await place.cli(['delete', 'latest', '--confirm'])
  expect(last.exit).toBe(1)
  expect(last.stderr).toContain('the last good backup of chame')
  expect(await place.json(['delete', 'latest', '--confirm', '--force'])).toMatchObject({ freedBytes: 100 })
  expect(stored(place)).toBe(0)
})

test('a pin shows in lists, keeps a backup from being deleted, and goes with unpin', async () => {
  using place = openWorkplace()
  const [, second = ''] = fill(place, 2)
  expect((await place.cli(['pin', second])).exit).toBe(2)
  const pinned = await place.cli(['pin', second, '--reason', 'Audit', '--user', 'legal'])
  expect(pinned.stdout).toContain('pinned by legal: "Audit"')
  expect((await place.cli(['list'])).stdout).toMatch(new RegExp(`${second} .* pinned`))
  const { backups } = await place.json(['list'])
  expect((backups as BackupInfo[])[1]?.pinned).toMatchObject({ reason: 'Audit', by: 'legal' })
  const refused = await place.cli(['delete', second, '--confirm', '--force'])
  expect(refused.stderr).toContain('pinned (Audit)')
  expect((await place.cli(['cleanup', '--daily-keep', '1'])).stdout).toContain('pinned by legal: Audit')
  expect((await place.cli(['unpin', second])).stdout).toContain('✔ Not pinned:')
  expect((await place.cli(['delete', second, '--confirm', '--quiet'])).stdout).toBe('')
})
