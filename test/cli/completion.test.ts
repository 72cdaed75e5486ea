import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { delimiter } from 'node:path'
import { describe, expect, test } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { cleanEnvironment, CLI, openWorkplace, type Workplace } from './run-cli.ts'

const shells = ['bash', 'zsh', 'fish'] as const
type Shell = (typeof shells)[number]

/** The first word of every line that completing `words` gives. */
async function complete(place: Workplace, shell: Shell, words: readonly string[]): Promise<string[]> {
  const { stdout, exit } = await place.cli(['complete', shell, '--', ...words])
  expect(exit).toBe(0)
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => line.split('\t')[0] ?? '')
}

test('commands are completed', async () => {
  using place = openWorkplace()
  expect(await complete(place, 'zsh', [''])).toEqual(
    expect.arrayContaining([
      'create',
      'list',
      'restore',
      'verify',
      'info',
      'export',
      'import',
      'completion',
      'help',
    ]),
  )
  expect(await complete(place, 'zsh', ['--json', 'res'])).toEqual(['restore'])
})

test('options are completed, the global ones too, each once', async () => {
  using place = openWorkplace()
  const options = await complete(place, 'fish', ['create', '--type', 'daily', '--json', '--'])
  expect(options).toEqual(expect.arrayContaining(['--description', '--keep-damaged', '--backup-dir']))
  expect(options).not.toEqual(expect.arrayContaining(['--type']))
  expect(options).not.toEqual(expect.arrayContaining(['--json']))
})

test('choices and types are completed', async () => {
  using place = openWorkplace()
  expect(await complete(place, 'zsh', ['create', '--check', ''])).toEqual(['full', 'quick', 'none'])
  expect(await complete(place, 'zsh', ['verify', '--check=q'])).toEqual(['--check=quick'])
  expect(await complete(place, 'bash', ['verify', '--check', '=', 'q'])).toEqual(['quick'])
  expect(await complete(place, 'bash', ['verify', '--check', '='])).toEqual(['full', 'quick', 'none'])
  expect(await complete(place, 'zsh', ['list', '--type', 'w'])).toEqual(['weekly'])
  expect(await complete(place, 'zsh', ['completion', ''])).toEqual([...shells])
})

test('backups are completed by file name, in the directory that the command line names', async () => {
  using place = openWorkplace()
  const { filename } = await place.json(['create', '--backup-dir', 'elsewhere'])
  expect(await complete(place, 'zsh', ['restore', ''])).toEqual(['latest'])
  expect(await complete(place, 'zsh', ['--backup-dir', 'elsewhere', 'restore', ''])).toEqual([
    'latest',
    filename,
  ])
  expect(await complete(place, 'zsh', ['--backup-dir=elsewhere', 'verify', 'chame'])).toEqual([filename])
})

test('formats, ways and backups are completed for export, files for import', async () => {
  using place = openWorkplace()
  const { filename } = await place.json(['create'])
  expect(await complete(place, 'zsh', ['export', '--format', ''])).toEqual([
    'json',
    'ndjson',
    'csv',
    'sql',
    'parquet',
  ])
  expect(await complete(place, 'zsh', ['export', '--compress=z'])).toEqual(['--compress=zstd'])
  expect(await complete(place, 'zsh', ['export', '--from', ''])).toEqual(['latest', filename])
  expect(await complete(place, 'fish', ['export', '--output', ''])).toEqual([':files'])
  expect(await complete(place, 'fish', ['export', '--null', ''])).toEqual([])
  expect(await complete(place, 'bash', ['import', ''])).toEqual([':files'])
  expect(await complete(place, 'bash', ['import', 'x.json', '--to', ''])).toEqual([':files'])
  expect(await complete(place, 'bash', ['import', 'x.json', '--format', ''])).toEqual([
    'json',
    'ndjson',
    'csv',
    'sql',
  ])
  expect(await complete(place, 'bash', ['export', '--ex'])).toEqual(['--exclude', '--excel-safe'])
})

test('paths are left to the shell', async () => {
  using place = openWorkplace()
  expect(await complete(place, 'zsh', ['restore', 'latest', '--to', ''])).toEqual([':files'])
  expect(await complete(place, 'zsh', ['restore', 'data/'])).toEqual([':files'])
  expect(await complete(place, 'zsh', ['list', '--backup-dir', ''])).toEqual([':directories'])
  expect(await complete(place, 'zsh', ['create', '--description', ''])).toEqual([])
})

/** What a shell itself makes of its script: the lines that Tab would offer after `line`. */
const asked: Readonly<Record<Shell, (line: string) => string>> = {
  bash: line => `
    eval "$(chame-backup completion bash)"
    COMP_WORDS=(${line} ''); COMP_CWORD=$(( \${#COMP_WORDS[@]} - 1 )); compopt() { :; }
    _chame_backup; printf '%s\\n' "\${COMPREPLY[@]}"`,
  zsh: line => `
    autoload -Uz compinit; compinit -u -D
    eval "$(chame-backup completion zsh)"
    _describe() { print -l -- "\${(@P)\${@[-1]}}" }
    words=(${line} ''); CURRENT=\${#words}; _chame_backup`,
  fish: line => `
    chame-backup completion fish | source
    complete --do-complete '${line} '`,
}

describe.each(shells)('in %s', shell => {
  testWith([shell], 'the script is valid and completes', async () => {
    using place = openWorkplace()
    const { filename } = await place.json(['create'])
    mkdirSync(place.path('bin'))
    chmodSync(CLI, 0o755)
    symlinkSync(CLI, place.path('bin', 'chame-backup'))
    symlinkSync(process.execPath, place.path('bin', 'node'))
    const { stdout: script } = await place.cli(['completion', shell])
    const file = place.path(`script.${shell}`)
    writeFileSync(file, script)
    expect(spawnSync(shell, ['-n', file], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' })
    const offers = (line: string): string => {
      const { stdout, stderr } = spawnSync(shell, ['-c', asked[shell](line)], {
        cwd: place.directory,
        env: cleanEnvironment({
          PATH: `${place.path('bin')}${delimiter}${process.env['PATH'] ?? ''}`,
          HOME: place.directory,
        }),
        encoding: 'utf8',
      })
      expect(stderr).toBe('')
      return stdout
    }
    expect(offers('chame-backup')).toMatch(/^create/m)
    expect(offers('chame-backup restore')).toContain(String(filename))
    expect(offers('chame-backup create --check')).toMatch(/^quick/m)
  })
})
