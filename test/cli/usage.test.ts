import { expect, test } from 'vitest'
import { openWorkplace } from './run-cli.ts'

const mistakes: readonly (readonly string[])[] = [
  ['lisst'],
  ['list', '--limit', '0'],
  ['list', '--limit', 'ten'],
  ['list', 'extra'],
  ['create', '--frobnicate'],
  ['create', '--type'],
  ['create', '--check', 'thorough'],
  ['restore'],
  ['completion', 'tcsh'],
]

test.each(mistakes)('`chame-backup %s %s %s` is a usage error, in words and in JSON', async (...words) => {
  using place = openWorkplace()
  const args = words.filter(word => word !== undefined)
  const inWords = await place.cli(args)
  expect(inWords).toMatchObject({ exit: 2, stdout: '' })
  expect(inWords.stderr).toMatch(/^Error: [A-Z].*\n.*See: chame-backup .*--help\n$/)
  const inJson = await place.cli(['--json', ...args])
  expect(inJson).toMatchObject({ exit: 2, stderr: '' })
  expect(JSON.parse(inJson.stdout)).toMatchObject({ success: false, code: 'INVALID_ARGUMENT' })
})

test('a mistyped command gets a suggestion', async () => {
  using place = openWorkplace()
  expect((await place.cli(['creat'])).stderr).toContain('Did you mean create?')
})

test('no command at all shows the help on stderr', async () => {
  using place = openWorkplace()
  const shown = await place.cli([])
  expect(shown).toMatchObject({ exit: 2, stdout: '' })
  expect(shown.stderr).toContain('Usage: chame-backup')
})

test('--version prints the version', async () => {
  using place = openWorkplace()
  expect((await place.cli(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  expect((await place.cli(['list', '--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
})

test('help and the version are one JSON document too when asked for', async () => {
  using place = openWorkplace()
  expect(await place.json(['--version'])).toMatchObject({ success: true, text: expect.stringMatching(/^\d/) })
  expect(await place.json(['help', 'create'])).toMatchObject({
    text: expect.stringContaining('--keep-damaged'),
  })
})

test('a configuration that is wrong is a usage error that names the file', async () => {
  using place = openWorkplace()
  const failed = await place.cli(['list', '--config', 'nowhere.json'])
  expect(failed).toMatchObject({ exit: 2, stdout: '' })
  expect(failed.stderr).toMatch(/^Error: .*nowhere\.json/)
})
