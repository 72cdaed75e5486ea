import { existsSync } from 'node:fs'
import { basename } from 'node:path'
import { expect, test } from 'vitest'
import { countMessages, openWorkplace } from './run-cli.ts'

test('create makes a backup and says where it is', async () => {
  using place = openWorkplace()
  const made = await place.cli(['create', '--description', 'Before migration'])
  expect(made).toMatchObject({ exit: 0, stderr: '' })
  const path = /Backup created: (.+)/.exec(made.stdout)?.[1] ?? ''
  expect(basename(path)).toMatch(/^chame_backup_manual_\d{8}_\d{6}\.db$/)
  expect(countMessages(path)).toBe(500)
  expect(made.stdout).toContain('2 tables, 502 rows')
})

test('create records the type, the user and the description that it was given', async () => {
  using place = openWorkplace()
  await place.json(['create', '--type', 'daily'])
  await place.json(['create', '--type', 'weekly', '--user', 'admin', '--description', 'over "here"'])
  const { backups } = await place.json(['list'])
  expect(backups).toMatchObject([
    { type: 'weekly', createdBy: 'admin', description: 'over "here"' },
    { type: 'daily' },
  ])
})

test.each(['full', 'quick', 'none'])('create --check %s is recorded', async check => {
  using place = openWorkplace()
  const made = await place.json(['create', '--check', check])
  expect(made).toMatchObject({ metadata: { check } })
})

test('create --quiet prints nothing', async () => {
  using place = openWorkplace()
  expect(await place.cli(['create', '--quiet'])).toEqual({ exit: 0, stdout: '', stderr: '' })
})

test('create of a database that is not there says so, and what to do', async () => {
  using place = openWorkplace()
  const failed = await place.cli(['create', '--path', 'data/other.db'])
  expect(failed).toMatchObject({ exit: 10, stdout: '' })
  expect(failed.stderr).toMatch(/^Error: Database file not found.*other\.db\n./)
  expect(existsSync(place.path('data', 'other.db'))).toBe(false)
})

test('global options may stand before and after the command', async () => {
  using place = openWorkplace()
  await place.json(['--path', 'data/chame.db', 'create', '--backup-dir', 'elsewhere'])
  const { backups } = await place.json(['--backup-dir=elsewhere', 'list', '--path=data/chame.db'])
  expect(backups).toHaveLength(1)
  expect(existsSync(place.path('backups'))).toBe(false)
})
