/** What the command line says and ends with when calls fail. */
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { ERRORS } from '../../src/errors.ts'
import type { ErrorCode } from '../../src/index.ts'
import { testWith } from '../support/requirements.ts'
import { quickDisk } from './failing-disk.ts'
import { publish } from './figures.ts'
import { Place, prepareStart } from './matrix.ts'
import { SCENARIOS } from './matrix-scenarios.ts'
import { examine } from './oracle.ts'
import { type CallGroup, type FailingErrno, type Run, runUnderShim, SHIM_NEEDS } from './shim.ts'

/** Where the coverage of the source is measured, the source. */
const isMeasured = process.env['NODE_V8_COVERAGE'] !== undefined
const CLI = fileURLToPath(
  new URL(isMeasured ? '../../src/cli/main.ts' : '../../dist/cli/main.js', import.meta.url),
)

interface Case {
  readonly calls: CallGroup
  readonly errno: FailingErrno
  readonly isSticky: boolean
  readonly codes: readonly ErrorCode[]
}

const CASES: readonly Case[] = [
  // The first to write is SQLite, which does not always pass the reason on.
  { calls: 'write', errno: 'ENOSPC', isSticky: true, codes: ['INSUFFICIENT_SPACE', 'IO_FAILED'] },
  { calls: 'write', errno: 'EDQUOT', isSticky: true, codes: ['INSUFFICIENT_SPACE', 'IO_FAILED'] },
  { calls: 'fsync', errno: 'EIO', isSticky: false, codes: ['IO_FAILED'] },
  { calls: 'rename', errno: 'EIO', isSticky: false, codes: ['IO_FAILED'] },
  { calls: 'open', errno: 'EMFILE', isSticky: true, codes: ['IO_FAILED'] },
  { calls: 'open', errno: 'EACCES', isSticky: true, codes: ['PERMISSION_DENIED'] },
  { calls: 'read', errno: 'EIO', isSticky: true, codes: ['IO_FAILED'] },
  { calls: 'name', errno: 'EACCES', isSticky: false, codes: ['PERMISSION_DENIED'] },
  { calls: 'rename', errno: 'EROFS', isSticky: true, codes: ['READ_ONLY'] },
  { calls: 'fsync', errno: 'EROFS', isSticky: true, codes: ['READ_ONLY'] },
  { calls: 'open', errno: 'ENFILE', isSticky: true, codes: ['IO_FAILED'] },
  { calls: 'open', errno: 'ENOMEM', isSticky: true, codes: ['IO_FAILED'] },
]

quickDisk()

for (const scenario of [SCENARIOS.createWal, SCENARIOS.restoreWal]) {
  testWith(
    SHIM_NEEDS,
    `${scenario.name}: the command says in a line what failed, in another what to do, and ends with the error's exit code`,
    async () => {
      const start = await prepareStart(scenario)
      const place = new Place('kill')
      const { scene } = place
      const order = scenario.operation === 'create' ? ['create'] : ['restore', 'latest', '--confirm']
      const args = [CLI, ...order, '--path', scene.databasePath, '--backup-dir', scene.backupDir]
      for (const { calls, errno, isSticky, codes } of CASES) {
        const what = `${calls} ${errno}`
        const fault = {
          paths: [scene.directory],
          calls: [calls],
          at: 1,
          event: { kind: 'fail', errno, isSticky },
        } as const
        for (const isJson of [false, true]) {
          place.reset(start)
          const run = await runUnderShim(isJson ? [...args, '--json'] : args, fault)
          expect(
            run.calls.some(({ isHit }) => isHit),
            what,
          ).toBe(true)
          const code = isJson ? codeInJson(run) : null
          if (code !== null) expect(codes, what).toContain(code)
          expect(run, what).toMatchObject({
            signal: null,
            code: ERRORS[code ?? codes[0] ?? 'UNEXPECTED'].exit,
          })
          if (!isJson) expectTwoLines(run, scene.directory, what)
          const { violations } = examine(scene, start.before, scenario.operation, `failure ${code ?? ''}`)
          expect(violations, what).toEqual([])
        }
      }
      publish({
        group: 'Failing calls',
        what: `${scenario.name}, command line`,
        count: 2 * CASES.length,
        unit: 'runs',
        outcome: `${2 * CASES.length} failed with a line and the right exit code, 0 wrong`,
      })
    },
  )
}

function codeInJson({ stdout, stderr }: Run): ErrorCode {
  expect(stderr).toBe('')
  const failure = JSON.parse(stdout) as { readonly success: boolean; readonly code: ErrorCode }
  expect(failure.success).toBe(false)
  return failure.code
}

function expectTwoLines({ stdout, stderr }: Run, directory: string, what: string): void {
  expect(stdout, what).toBe('')
  const [message = '', hint = '', ...rest] = stderr.split('\n')
  expect(message, what).toMatch(/^Error: /)
  expect(message, what).toContain(directory)
  expect(hint, what).not.toBe('')
  expect(rest, what).toEqual([''])
}
