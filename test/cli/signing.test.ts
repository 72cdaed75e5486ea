import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openWorkplace } from './run-cli.ts'

test('a key to sign with is made, its public half shown, and what it has not signed is not restored', async () => {
  using place = openWorkplace()
  const before = await place.json(['create', '--type', 'weekly'])
  const made = await place.cli(['keys', 'generate', '--signing', '--output', 'signing.key'])
  expect(made).toMatchObject({ exit: 0, stderr: '' })
  const text = readFileSync(place.path('signing.key'), 'utf8')
  expect(statSync(place.path('signing.key')).mode & 0o777).toBe(0o600)
  expect(made.stdout).not.toContain(text.split('\n')[1])
  // What is shown can be pasted.
  const shown = /"signing": (?<json>\{"key".+\})$/m.exec(made.stdout)?.groups?.['json'] ?? ''
  writeFileSync(place.path('chame-backup.config.json'), `{"signing": ${shown}}`)
  const { filename } = await place.json(['create'])
  const listed = (await place.cli(['list'])).stdout.split('\n')
  expect(listed.find(line => line.includes(String(before['filename'])))).toContain('not signed')
  expect(listed.find(line => line.includes(String(filename)))).not.toContain('signed')
  expect((await place.cli(['info'])).stdout).toContain('1 by a trusted key, 1 not')
  expect((await place.cli(['verify'])).stdout).toContain('signed by a trusted key')
  const verified = await place.cli(['verify', String(before['filename']), '--quiet'])
  expect(verified).toMatchObject({
    exit: 3,
    stdout: expect.stringContaining('not to be trusted: not signed'),
  })
  const refused = await place.cli(['restore', String(before['filename']), '--to', 'copy.db'])
  expect(refused).toMatchObject({ exit: 3, stderr: expect.stringContaining('--accept-unsigned') })
  const restore = ['restore', String(before['filename']), '--to', 'copy.db', '--accept-unsigned']
  expect((await place.cli(restore)).exit).toBe(0)
})

test('a key to sign with is shown where that is asked for', async () => {
  using place = openWorkplace()
  const shown = await place.cli(['keys', 'generate', '--signing', '--output', '-', '--path', 'nowhere.db'])
  expect(shown.stdout).toMatch(/^-----BEGIN PRIVATE KEY-----\n[\w+/=]+\n-----END PRIVATE KEY-----\n$/)
  const quiet = await place.cli(['keys', 'generate', '--signing', '--quiet'])
  expect(quiet.stdout).toMatch(/^MCowBQYDK2VwAyEA[\w+/]{43}=\n$/)
  expect((await place.cli(['keys', 'generate', '--signing'])).exit).toBe(2)
  rmSync(place.path('chame-backup.signing.key'))
})
