import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { BackupInfo } from '../../src/index.ts'
import { openWorkplace } from './run-cli.ts'

test('a list without backups says of what, where, and how to make one', async () => {
  using place = openWorkplace()
  expect(await place.cli(['list'])).toMatchObject({
    exit: 0,
    stdout: `No backups of ${place.databasePath} yet: ${place.path('backups')}\nMake one with: chame-backup create\n`,
  })
  expect((await place.cli(['list', '--type', 'daily'])).stdout).toContain('chame-backup create --type daily')
  expect((await place.cli(['list', '--type', 'dialy'])).stdout).toMatch(
    /^No backups of type dialy of .*\nThere are: manual, daily, weekly; /,
  )
  expect((await place.cli(['list', '--path', 'other.db'])).stdout).toContain(place.path('other.db'))
  expect(await place.json(['list'])).toEqual({ success: true, backups: [] })
})

test('list shows the newest first, filtered by type and limited', async () => {
  using place = openWorkplace()
  await place.json(['create', '--type', 'daily'])
  await place.json(['create', '--description', 'first'])
  await place.json(['create', '--description', 'second'])
  const lines = (await place.cli(['list'])).stdout.trimEnd().split('\n')
  expect(lines.map(line => line.split(/ {2,}/).at(-1))).toEqual([
    'Description',
    'second',
    'first',
    expect.stringContaining('iB'),
    expect.stringMatching(/^3 backups, /),
  ])
  expect((await place.cli(['list', '--type', 'daily'])).stdout).not.toContain('manual')
  expect((await place.cli(['list', '--limit', '1'])).stdout).toContain('second')
  expect((await place.cli(['list', '--limit', '1'])).stdout).not.toContain('first')
})

test('list --quiet prints file names only', async () => {
  using place = openWorkplace()
  const { filename } = await place.json(['create'])
  expect((await place.cli(['list', '--quiet'])).stdout).toBe(`${String(filename)}\n`)
})

test('backups without metadata, or with damaged metadata, are listed and marked', async () => {
  using place = openWorkplace()
  const { backupPath, filename } = await place.json(['create'])
  copyFileSync(String(backupPath), place.path('backups', 'manual', 'from_elsewhere.db'))
  writeFileSync(place.path('backups', 'metadata', `${String(filename)}.json`), 'not JSON')
  const { stdout } = await place.cli(['list'])
  expect(stdout).toMatch(/from_elsewhere\.db .* no metadata/)
  expect(stdout).toMatch(/chame_backup_manual_.* metadata invalid/)
})

test('control characters in metadata never reach the terminal', async () => {
  using place = openWorkplace()
  const { filename } = await place.json(['create'])
  const file = place.path('backups', 'metadata', `${String(filename)}.json`)
  const metadata = JSON.parse(readFileSync(file, 'utf8')) as object
  const hostile = '\u001b]0;owned\u0007\u001b[2J\u009b31m\r\u202e'
  writeFileSync(file, JSON.stringify({ ...metadata, description: hostile, created_by: hostile }))
  for (const words of [['list'], ['verify'], ['info'], ['restore', 'latest', '--dry-run']]) {
    const { stdout, stderr } = await place.cli(words)
    // oxlint-disable-next-line no-control-regex
    expect(stdout + stderr).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  }
  const { backups } = await place.json(['list'])
  expect((backups as BackupInfo[])[0]?.description).toBe(hostile)
})
