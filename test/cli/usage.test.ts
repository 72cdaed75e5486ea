import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { expect, test } from 'vitest'
import { CLI, openWorkplace } from './run-cli.ts'

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
  ['help', 'lisst'],
  ['cleanup', '--keep-within', '30x'],
  ['cleanup', '--max-size', '10Q'],
  ['cleanup', '--simulate', '90'],
  ['cleanup', '--ahead'],
  ['audit', 'show', '--targets'],
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

test.each(['cli', 'scheduler'])('%s says that Node is too old, instead of a syntax error', async door => {
  const old = 'data:text/javascript,Object.defineProperty(process.versions, "node", { value: "20.20.2" })'
  const main = fileURLToPath(new URL(`../${door}/main.js`, pathToFileURL(CLI)))
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--import', old, main, '--help'], {
    encoding: 'utf8',
  })
  expect([status, stdout]).toEqual([1, ''])
  const { engines } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    engines: { node: string }
  }
  expect(stderr).toMatch(/^Error: Node 20\.20\.2 is too old /)
  expect(stderr).toContain(`Node ${engines.node.replace('>=', '')} or newer`)
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
