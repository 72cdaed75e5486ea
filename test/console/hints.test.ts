import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildProgram } from '../../src/cli/program.ts'
import { inConsole } from '../../web/words/hints.ts'

const SRC = new URL('../../src', import.meta.url).pathname
/** These speak of commands because commands are what they are. */
const DOORS = /^(cli|scheduler|service)\//
/**
 * What the console has no button for: keys and the machine are nobody's to reach by HTTP. Of `token`, making one is told to
 * those who cannot log in.
 */
const SHELL_ONLY = ['token', 'sync', 'repair', 'keys', 'serve', 'systemd', 'convert', 'import', 'scheduler']

/** Hints and messages of the sources, as far as they stand in quotes, with what is put into them left as it is. */
function sentences(): string[] {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  const texts = files
    .filter(name => name.endsWith('.ts') && !DOORS.test(name))
    .map(name => readFileSync(join(SRC, name), 'utf8').replaceAll(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, ''))
  const quoted = texts.flatMap(text => text.match(/'(?:[^'\\\n]|\\.)*'|`(?:[^`\\]|\\.)*`/g) ?? [])
  return quoted.filter(text => /chame-backup [a-z]/.test(text)).map(text => text.slice(1, -1))
}

test('no hint that can reach the console names a command that the console has a button for', () => {
  const hints = sentences()
  expect(hints.length).toBeGreaterThan(30)
  const left = hints
    .flatMap(hint => [...inConsole(hint).matchAll(/chame-backup ([a-z]+)/g)])
    .map(([, command = '']) => command)
  // What follows the name need not be a command: "what chame-backup may do".
  const commands = buildProgram().commands.map(command => command.name())
  expect(left.filter(word => commands.includes(word) && !SHELL_ONLY.includes(word))).toEqual([])
})

test('no hint names a route: the console has none, and programs know them', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
  const naming = files.filter(
    name =>
      name.endsWith('.ts') &&
      /hint: .*\b(GET|POST|PUT|DELETE) \//.test(readFileSync(join(SRC, name), 'utf8')),
  )
  expect(naming).toEqual([])
})

test.each([
  ['See what there is with: chame-backup list.', 'See what there is with: “Backups”.'],
  [
    'See what there is with: chame-backup list --target far. A backup …',
    'See what there is with: “Backups”. A backup …',
  ],
  ['`chame-backup verify` names those that are intact.', '“Verify” names those that are intact.'],
  [
    'Make a new backup now (chame-backup create), and look',
    'Make a new backup now (“Create backup”), and look',
  ],
  [
    'after: chame-backup verify a_backup_daily_1_2.db --target far --record; chame-backup sync',
    'after: “Verify”; chame-backup sync',
  ],
  ['brought back with: chame-backup repair <file>.', 'brought back with: chame-backup repair <file>.'],
  ['Look at it with: chame-backup target check', 'Look at it with: “Settings”'],
  [
    'Make another one first with: chame-backup create. Or insist with --force (force: true).',
    'Make another one first with: “Create backup”. Or switch on “Delete it all the same”.',
  ],
])('the console says %j as %j', (hint, said) => {
  expect(inConsole(hint)).toBe(said)
})
