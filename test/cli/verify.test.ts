import { closeSync, openSync, writeSync } from 'node:fs'
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
