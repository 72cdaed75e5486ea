/** The coverage gate itself: what it counts as a branch, and whom it asks which of them were taken. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CoverageFiles } from '../../scripts/branches/coverage-files.ts'
import { type FileBranches, measureDirectory } from '../../scripts/branches/measure.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const SOURCE = `interface Options { readonly isLoud?: boolean }
export function signOf(value: number, { isLoud = false }: Options = {}): string {
  if (value < 0) return '-'
  if (isLoud) console.log('loud')
  return value > 0 && value !== Infinity ? '+' : ('0' as string)
}
for (const text of process.argv.slice(2)) signOf(Number(text), text === '7' ? { isLoud: true } : {})
`

/** Runs the source in one process for each list of arguments; what of it was then not taken, and how many there are. */
async function measure(...processes: readonly string[][]): Promise<{ total: number; missed: string[] }> {
  const directory = temporaryDirectory()
  const raw = join(directory, 'raw')
  mkdirSync(raw)
  writeFileSync(join(directory, 'sign-of.ts'), SOURCE)
  const files = new CoverageFiles(raw, [`${directory}/`])
  for (const args of processes) {
    const env = { ...process.env, NODE_V8_COVERAGE: raw }
    spawnSync(process.execPath, ['--no-warnings', join(directory, 'sign-of.ts'), ...args], { env })
  }
  await files.readToTheEnd()
  expect(files.count).toBe(processes.length)
  expect(readdirSync(raw)).toEqual([])
  const [measured] = (await measureDirectory(directory, files.hits)) as [FileBranches]
  return { total: measured.total, missed: measured.missed.map(({ line, what }) => `${line} ${what}`) }
}

test('a branch is each way of an if, of a ternary and of a logical expression', async () => {
  expect(await measure()).toEqual({
    total: 10,
    missed: [
      '3 if: then',
      '3 if: else',
      '4 if: then',
      '4 if: else',
      '5 cond-expr: 1',
      '5 cond-expr: 2',
      '5 binary-expr: 1',
      '5 binary-expr: 2',
      '7 cond-expr: 1',
      '7 cond-expr: 2',
    ],
  })
})

test('what one process did not take, another may have', async () => {
  const byOne = await measure(['5'])
  expect(byOne.missed).toEqual(['3 if: then', '4 if: then', '5 cond-expr: 2', '7 cond-expr: 1'])
  expect((await measure(['5'], ['-1'])).missed).not.toContain('3 if: then')
  expect((await measure(['5', '7'], ['-1'], ['0'])).missed).toEqual([])
})
