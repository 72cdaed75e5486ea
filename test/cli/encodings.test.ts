import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openWorkplace, type Workplace } from './run-cli.ts'

/** A key in `key.txt`, and a configuration that encrypts to it. */
async function encrypting(place: Workplace): Promise<void> {
  const { recipient } = await place.json(['keys', 'generate', '--output', 'key.txt'])
  const config = { encoding: 'zstd+age', encryption: { recipients: [recipient] } }
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify(config))
}

test('a new key is written for its owner, and only its public half is shown', async () => {
  using place = openWorkplace()
  const made = await place.cli(['keys', 'generate'])
  expect(made).toMatchObject({ exit: 0, stderr: '' })
  const file = place.path('chame-backup.key')
  const text = readFileSync(file, 'utf8')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(made.stdout).toContain(/age1\w+/.exec(text)?.[0])
  expect(made.stdout).not.toContain('AGE-SECRET-KEY')
  expect((await place.cli(['keys', 'generate'])).exit).toBe(2)
  expect(readFileSync(file, 'utf8')).toBe(text)
  const shown = await place.cli(['keys', 'generate', '--output', '-'])
  expect(shown.stdout).toMatch(/^# created: .*\n# public key: age1\w+\nAGE-SECRET-KEY-1\w+\n$/)
})

test('an encrypted backup is verified with and without its key, and says which; a restore needs it', async () => {
  using place = openWorkplace()
  await encrypting(place)
  expect((await place.cli(['create'])).stdout).toMatch(/ of .* \(zstd\+age\), checked \(quick\)/)
  expect((await place.cli(['verify'])).stdout).toContain('encrypted: nobody looked inside without a key')
  expect((await place.cli(['verify', '--identity', 'key.txt'])).stdout).toContain('full check')
  const refused = await place.cli(['restore', 'latest', '--to', 'copy.db'])
  expect(refused.exit).toBe(12)
  expect(refused.stderr).toContain('--identity')
  await place.cli(['keys', 'generate', '--output', 'other.txt'])
  const wrong = await place.cli(['restore', 'latest', '--to', 'copy.db', '--identity', 'other.txt'])
  expect(wrong.exit).toBe(12)
  const restored = await place.cli(['restore', 'latest', '--to', 'copy.db', '--identity', 'key.txt'])
  expect(restored.exit).toBe(0)
})

test('backups are converted by name or all together, and nothing is done without either', async () => {
  using place = openWorkplace()
  await place.json(['create'])
  await place.json(['create'])
  expect((await place.cli(['convert'])).exit).toBe(2)
  expect((await place.cli(['convert', 'latest', '--all'])).exit).toBe(2)
  const one = await place.cli(['convert', 'latest', '--encoding', 'zstd'])
  expect(one.stdout).toMatch(/✔ Converted: chame_\S+\.db\.zst\n1 backup converted/)
  const all = await place.json(['convert', '--all', '--encoding', 'zstd'])
  expect(all).toMatchObject({ status: 'done', converted: [{}], skipped: [{}], failed: [] })
  const pages = await place.cli(['convert', '--all', '--encoding', 'blocks'])
  expect(pages.stdout).toMatch(/2 backups converted, \S+ KiB before and \S+ KiB now/)
  expect((await place.cli(['list'])).stdout).toMatch(/2 backups, \d+ B, beside their pages in blocks\/\n$/)
  const plain = await place.cli(['convert', '--all', '--encoding', 'plain'])
  expect(plain.stdout).toMatch(/2 backups converted, \S+ KiB now/)
})
