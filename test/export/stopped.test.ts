/** Exports that are cancelled, or whose reader goes away. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { descendantsOf, untilEnded } from '../crash/processes.ts'
import { holdEngines } from '../support/held-engines.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { runCli, startCli } from './cli.ts'
import { CLI, type Form, FORMS, MANY_ROWS, Place, ROWS, rowsIn } from './stopped-place.ts'

holdEngines()

async function stepsOf(place: Place, form: Form): Promise<string[]> {
  const steps = new Set<string>()
  const output = join(place.directory, 'sound')
  succeeded(await place.export({ ...form, output, onProgress: ({ step }) => void steps.add(step) }))
  run('rm', ['-r', output])
  return [...steps]
}

describe('an export that is cancelled', () => {
  // Each journal mode with one of the engines: the steps are the same, and so is who cleans up.
  for (const [journalMode, engine] of [
    ['wal', 'here'],
    ['delete', 'process'],
  ] as const) {
    test(`at any step leaves nothing, in ${journalMode} mode, ${engine}`, async () => {
      const place = new Place(journalMode, engine === 'process' ? MANY_ROWS : ROWS)
      for (const form of FORMS) {
        for (const wanted of await stepsOf(place, form)) {
          const controller = new AbortController()
          const onProgress = ({ step }: Progress): void => {
            if (step === wanted) controller.abort()
          }
          const result = await place.export({ ...form, onProgress, signal: controller.signal }, engine)
          if (result.success) {
            // Beyond recall: it has its name.
            expect(wanted).toBe('publish-export')
            expect(result.rows).toBe(place.rows)
            run('rm', ['-r', place.output])
          } else expect(result.code, `${wanted} of ${JSON.stringify(form)}`).toBe('CANCELLED')
          place.expectNothing()
        }
      }
      await place.expectNext()
    })
  }

  test('in the middle of its rows leaves nothing', async () => {
    const place = new Place('wal', MANY_ROWS)
    for (const form of FORMS) {
      const controller = new AbortController()
      const onProgress = ({ doneRows = 0 }: Progress): void => {
        if (doneRows > MANY_ROWS / 4) controller.abort()
      }
      failedWith('CANCELLED', await place.export({ ...form, onProgress, signal: controller.signal }))
      place.expectNothing()
    }
  })

  test('before it began does not touch anything', async () => {
    const place = new Place()
    failedWith('CANCELLED', await place.export({ signal: AbortSignal.abort() }))
    expect(existsSync(join(place.directory, 'backups'))).toBe(false)
    place.expectNothing()
  })

  testWith(['linux'], 'by Ctrl-C ends with exit code 130, and leaves nothing and no process', async () => {
    const place = new Place()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      for (const waitMs of [300, 500, 700, 900]) {
        const child = startCli(place.args)
        const ended = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
        await sleep(waitMs)
        const pids = descendantsOf(child.pid ?? 0)
        child.kill(signal)
        const [exit, by] = await ended
        await untilEnded(pids)
        // A signal that comes once the export has its name may still end the process, before it says so.
        if (exit === 0 || (exit === null && existsSync(place.output))) {
          expect(rowsIn(place.output)).toBe(ROWS)
          run('rm', [place.output])
        } else expect(exit === 130 || by !== null, `exit ${exit}`).toBe(true)
        if (exit === 130) place.expectNothing()
        else place.expectNothing({ butLeftovers: true })
      }
    }
    await place.expectNext()
  })
})

test('an export whose reader has seen enough ends without a word', async () => {
  const place = new Place()
  for (const form of [['json'], ['ndjson'], ['sql'], ['csv', '--zip']]) {
    const command = `"$@" | head -c 1000 | wc -c`
    const args = [...place.args.slice(0, -1), '-', '--include-sensitive', '--format', ...form]
    const { stdout, stderr, status } = spawnSync(
      'sh',
      ['-c', command, 'sh', process.execPath, '--no-warnings', CLI, ...args],
      { encoding: 'utf8' },
    )
    expect({ stdout: stdout.trim(), stderr, status }).toEqual({ stdout: '1000', stderr: '', status: 0 })
  }
  place.expectNothing()
})

test('an export to standard output is whole, whatever it is read with', async () => {
  const place = new Place()
  const { stdout, exit } = await runCli([
    ...place.args.slice(0, -1),
    '-',
    '--format',
    'ndjson',
    '--include-sensitive',
  ])
  expect(exit).toBe(0)
  expect(stdout.trimEnd().split('\n')).toHaveLength(ROWS + 3)
  place.expectNothing()
})

test('the database of a stopped export is as it was', async () => {
  const place = new Place('delete')
  const before = readFileSync(place.path)
  const controller = new AbortController()
  await place.export({ signal: controller.signal, onProgress: () => controller.abort() })
  expect(readFileSync(place.path)).toEqual(before)
})
