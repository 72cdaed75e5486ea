import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openWorkplace } from './run-cli.ts'

function flipBytes(path: string): void {
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(64, 0xa5), 0, 64, 4096)
  closeSync(file)
}

test('verify checks the newest backup unless told otherwise', async () => {
  using place = openWorkplace()
  await place.json(['create', '--type', 'daily'])
  const { filename } = await place.json(['create'])
  const verified = await place.cli(['verify'])
  expect(verified).toMatchObject({ exit: 0, stderr: '' })
  expect(verified.stdout).toContain(`Intact: ${String(filename)}`)
  expect(await place.json(['verify', '--check', 'quick'])).toMatchObject({
    status: 'intact',
    check: 'quick',
    backup: { filename },
  })
  expect(await place.cli(['verify', '--quiet'])).toEqual({ exit: 0, stdout: '', stderr: '' })
})

test('with nothing but pre_restore backups, latest is said to mean none of those', async () => {
  using place = openWorkplace()
  await place.json(['create', '--type', 'pre_restore'])
  const { exit, stderr } = await place.cli(['verify'])
  expect(exit).toBe(10)
  expect(stderr).toMatch(/^Error: There is no backup of chame but pre_restore ones: .*\n.*file name/)
})

test('verify of a damaged backup says so and exits with 3, quiet or not', async () => {
  using place = openWorkplace()
  const { backupPath } = await place.json(['create'])
  flipBytes(String(backupPath))
  const verified = await place.cli(['verify'])
  expect(verified).toMatchObject({ exit: 3, stderr: '' })
  expect(verified.stdout).toContain('Damaged: chame_backup_manual_')
  expect(await place.cli(['verify', '--quiet'])).toMatchObject({
    exit: 3,
    stdout: expect.stringContaining('Damaged'),
  })
  const json = await place.cli(['verify', '--json'])
  expect(json).toMatchObject({ exit: 3, stderr: '' })
  expect(JSON.parse(json.stdout)).toMatchObject({ success: true, status: 'damaged' })
})

test('verify without any backup exits with 10', async () => {
  using place = openWorkplace()
  expect(await place.cli(['verify'])).toMatchObject({ exit: 10, stdout: '' })
})

test('verify --sample and --time look at what is stored by pages, and name what a lost pack hurts', async () => {
  using place = openWorkplace()
  const created = await place.cli(['create', '--encoding', 'blocks'])
  expect(created.stdout).toMatch(/ added for .+ \(blocks\)/)
  const verified = await place.cli(['verify', '--sample', '1/2'])
  expect(verified).toMatchObject({ exit: 0, stderr: '' })
  expect(verified.stdout).toContain('Intact: 1 pack of 1 backup')
  expect(await place.json(['verify', '--time', '10m'])).toMatchObject({ status: 'intact', packs: 1 })
  expect(await place.cli(['verify', '--sample', '5%', '--quiet'])).toEqual({
    exit: 0,
    stdout: '',
    stderr: '',
  })
  expect((await place.cli(['info'])).stdout).toMatch(/Packs +.+ in 1 file/)
  rmSync(place.path('backups', 'blocks'), { recursive: true })
  const damaged = await place.cli(['verify', '--sample', '5%'])
  expect(damaged).toMatchObject({ exit: 3, stderr: '' })
  expect(damaged.stdout).toMatch(/a pack is missing[^]+hurts .+chame_backup_manual_.+\.db\.blocks/)
})

test('verify --sample says that nothing is stored by pages where nothing is', async () => {
  using place = openWorkplace()
  expect(await place.cli(['verify', '--sample', '5%'])).toEqual({
    exit: 0,
    stdout: 'No backup is stored by its pages: there is nothing to look at.\n',
    stderr: '',
  })
})

test('verify --sample is of all packs, and refused together with what is of one backup', async () => {
  using place = openWorkplace()
  for (const args of [
    ['verify', 'latest', '--sample', '5%'],
    ['verify', '--time', '1m', '--record'],
  ])
    expect(await place.cli(args)).toMatchObject({ exit: 2, stdout: '' })
  expect(await place.cli(['verify', '--sample', 'much'])).toMatchObject({ exit: 2, stdout: '' })
})
