import { rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openWorkplace } from './run-cli.ts'

test('info shows the database, its tables, its backups and the next one', async () => {
  using place = openWorkplace()
  await place.json(['create', '--type', 'weekly'])
  await place.json(['create', '--description', 'Before migration'])
  const { exit, stdout, stderr } = await place.cli(['info'])
  expect({ exit, stderr }).toEqual({ exit: 0, stderr: '' })
  expect(stdout).toContain(place.databasePath)
  expect(stdout).toMatch(/Journal mode +wal/)
  expect(stdout).toMatch(/messages +500 rows/)
  expect(stdout).toMatch(/users +2 rows/)
  expect(stdout).toMatch(/Newest +just now: chame_backup_manual_/)
  expect(stdout).toMatch(/weekly +1 .*iB +just now/)
  expect(stdout).toContain('2 backups, ')
  expect(stdout).toMatch(/Needs +.*iB/)
  expect(stdout).toMatch(/Free space +.*, enough for [\d,]+ more/)
})

test('info without backups says how to make one', async () => {
  using place = openWorkplace()
  expect((await place.cli(['info'])).stdout).toContain('No backups yet. Make one with: chame-backup create')
})

test('info still shows the backups when the database is gone', async () => {
  using place = openWorkplace()
  await place.json(['create'])
  for (const suffix of ['', '-wal', '-shm']) rmSync(place.databasePath + suffix, { force: true })
  const { exit, stdout } = await place.cli(['info'])
  expect(exit).toBe(0)
  expect(stdout).toMatch(/Problem +./)
  expect(stdout).toContain('1 backup, ')
})
