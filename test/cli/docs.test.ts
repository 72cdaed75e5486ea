import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { buildProgram } from '../../src/cli/program.ts'
import { ERRORS } from '../../src/index.ts'
import { openWorkplace } from './run-cli.ts'

const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')

const commands = ['', ...buildProgram().commands.map(command => command.name())]

test.each(commands)('docs/cli.md shows the help of `chame-backup %s` as it is', async command => {
  using place = openWorkplace()
  const words = [...(command === '' ? [] : [command]), '--help']
  const help = await place.cli(words)
  expect(help).toMatchObject({ exit: 0, stderr: '' })
  expect(help.stdout).toContain('Examples:')
  expect(page).toContain(`$ chame-backup ${words.join(' ')}\n${help.stdout}\`\`\``)
})

test('docs/cli.md names every error code once, beside its exit code', () => {
  const rows = page.matchAll(/^\| (\d+) +\|[^|]*\|([^|]*)\|$/gm)
  const documented = [...rows].flatMap(([, exit, codes]) =>
    [...(codes ?? '').matchAll(/`(\w+)`/g)].map(([, code]) => [code, Number(exit)]),
  )
  const codes = documented.map(([code]) => code)
  expect(codes).toEqual([...new Set(codes)])
  const actual = Object.entries(ERRORS).map(([code, { exit }]) => [code, exit])
  expect(Object.fromEntries(documented)).toEqual(Object.fromEntries(actual))
})
