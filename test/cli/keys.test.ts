import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openWorkplace, type Workplace } from './run-cli.ts'

async function encrypting(place: Workplace): Promise<void> {
  const { recipient } = await place.json(['keys', 'generate', '--output', 'key.txt'])
  const config = { encoding: 'zstd+age', encryption: { recipients: [recipient] } }
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify(config))
}

test('keys check says whether a key opens the backups, and its exit code says it too', async () => {
  using place = openWorkplace()
  await encrypting(place)
  const nothing = await place.cli(['keys', 'check', '--identity', 'key.txt'])
  expect([nothing.exit, nothing.stderr]).toEqual([10, expect.stringContaining('no encrypted backup')])
  await place.json(['create', '--encoding', 'plain'])
  await place.json(['create'])
  const proven = await place.cli(['keys', 'check', '--identity', 'key.txt'])
  expect(proven).toMatchObject({ exit: 0, stderr: '' })
  expect(proven.stdout).toMatch(/^✔ Proven: /)
  expect(proven.stdout).toContain('opens 1 of 1 encrypted backup')
  expect(proven.stdout).toContain('1 backup is not encrypted')
  expect(proven.stdout).toContain('single key')
  expect((await place.cli(['keys', 'check', '--identity', 'key.txt', '--quiet'])).stdout).toBe('')
  await place.json(['keys', 'generate', '--output', 'other.txt'])
  const wrong = await place.cli(['keys', 'check', '--identity', 'other.txt'])
  expect(wrong.exit).toBe(12)
  expect(wrong.stdout).toContain('Not proven')
  expect(wrong.stdout).toContain('encrypted to other keys')
  expect((await place.cli(['keys', 'check'])).exit).toBe(12)
  const { backupPath } = await place.json(['create'])
  const bytes = readFileSync(String(backupPath))
  bytes[bytes.length - 5] = (bytes.at(-5) ?? 0) ^ 1
  writeFileSync(String(backupPath), bytes)
  const damaged = await place.cli(['keys', 'check', '--identity', 'key.txt'])
  expect([damaged.exit, damaged.stdout]).toEqual([3, expect.stringContaining('the backup is damaged')])
})

test('keys sheet prints a page, or writes it for its owner alone, and warns beside it', async () => {
  using place = openWorkplace()
  await encrypting(place)
  const printed = await place.cli(['keys', 'sheet'])
  expect(printed.exit).toBe(0)
  expect(printed.stdout).toMatch(/^RECOVERY SHEET: backups of chame\n/)
  expect(printed.stderr).toContain('single key')
  expect(printed.stderr).toContain('no targets')
  const written = await place.cli(['keys', 'sheet', '--output', 'sheet.txt', '--identity', 'key.txt'])
  expect(written.stdout).toContain('The key is on it')
  expect(statSync(place.path('sheet.txt')).mode & 0o777).toBe(0o600)
  expect(readFileSync(place.path('sheet.txt'), 'utf8')).toContain('AGE-SECRET-KEY-1')
  expect((await place.cli(['keys', 'sheet', '--output', 'sheet.txt'])).exit).toBe(2)
})

test('an option of another action is refused, before anything is done', async () => {
  using place = openWorkplace()
  const refused = await place.cli(['keys', 'generate', '--identity', 'key.txt'])
  expect([refused.exit, refused.stderr]).toEqual([2, expect.stringContaining('does not take --identity')])
  expect((await place.cli(['keys', 'check', '--output', 'x'])).stderr).toContain('does not take --output')
})

test('info warns where one lost key would be the end of all backups', async () => {
  using place = openWorkplace()
  await encrypting(place)
  expect((await place.cli(['info'])).stdout).toContain('encrypted to a single key')
  expect((await place.json(['info']))['warnings']).toEqual([expect.stringContaining('single key')])
  writeFileSync(place.path('chame-backup.config.json'), '{}')
  expect((await place.json(['info']))['warnings']).toEqual([])
})
