import { closeSync, mkdirSync, openSync, readdirSync, writeSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openWorkplace } from './run-cli.ts'

test('drill restores the newest backup, says what it found, and is seen by list and info', async () => {
  using place = openWorkplace()
  const { filename } = await place.json(['create'])
  expect((await place.cli(['info'])).stdout).toMatch(/Last drill +never/)
  mkdirSync(place.path('scratch'))
  const drilled = await place.cli(['drill', '--scratch', 'scratch'])
  expect(drilled).toMatchObject({ exit: 0, stderr: '' })
  expect(drilled.stdout).toContain(`Drill passed: ${String(filename)}`)
  expect(drilled.stdout).toContain('Every table has as many rows as recorded.')
  expect(readdirSync(place.path('scratch'))).toEqual([])
  expect(await place.json(['list'])).toMatchObject({
    backups: [{ metadata: { last_drill: { passed: true } } }],
  })
  expect((await place.cli(['info'])).stdout).toMatch(/Last drill +just now: passed in /)
  expect(await place.cli(['drill', '--quiet'])).toEqual({ exit: 0, stdout: '', stderr: '' })
})

test('a drill that fails says so and exits with 3, quiet or not', async () => {
  using place = openWorkplace()
  const { backupPath } = await place.json(['create'])
  const file = openSync(String(backupPath), 'r+')
  writeSync(file, Buffer.alloc(64, 0xa5), 0, 64, 4096)
  closeSync(file)
  const drilled = await place.cli(['drill', '--quiet'])
  expect(drilled).toMatchObject({ exit: 3, stderr: '' })
  expect(drilled.stdout).toContain('Drill failed: chame_backup_manual_')
  const json = await place.cli(['drill', '--json'])
  expect(json).toMatchObject({ exit: 3, stderr: '' })
  expect(JSON.parse(json.stdout)).toMatchObject({ success: true, status: 'failed' })
  expect((await place.cli(['info'])).stdout).toMatch(/Last drill +just now: failed in /)
})

test('drill without any backup exits with 10', async () => {
  using place = openWorkplace()
  expect(await place.cli(['drill'])).toMatchObject({ exit: 10, stdout: '' })
})
