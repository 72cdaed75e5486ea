/** Exports that are killed, or lose their helpers. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { descendantsOf, signal, untilEnded } from '../crash/processes.ts'
import { select } from '../faults/extent.ts'
import { holdEngines } from '../support/held-engines.ts'
import { engineProcesses, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { startScript } from '../support/scripts.ts'
import { filesBelow } from '../support/temporary.ts'
import { CLI, filesIn, FORMS, Place, ROWS, rowsIn } from './stopped-place.ts'

holdEngines()

const EXPORT_AND_DIE = `
  import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
  const [path, output, form, wanted, engine] = process.argv.slice(1)
  const onProgress = ({ step, doneRows = 0 }) => {
    if (wanted === 'rows' ? doneRows > 5000 : step === wanted) { console.log('there'); process.kill(process.pid, 'SIGSTOP') }
  }
  await new Database({ path, backupDir: path + '.backups', engine }).exportData({ output, ...JSON.parse(form), onProgress })
  setInterval(() => {}, 1 << 30)
`

describe('an export that is killed', () => {
  for (const engine of ['here', 'process'] as const) {
    testWith(
      ['linux'],
      `at any step has no name, leaves no process, and is cleaned up by the next one, ${engine}`,
      async () => {
        const forms = FORMS.slice(0, 2)
        for (const form of engine === 'here' ? forms : select(forms, 1)) {
          for (const wanted of ['open-source', 'find-sensitive', 'write-rows', 'rows', 'publish-export']) {
            const place = new Place()
            const started = await startScript(EXPORT_AND_DIE, [
              place.path,
              place.output,
              JSON.stringify(form),
              wanted,
              engine,
            ])
            const pids = descendantsOf(started.child.pid ?? 0)
            await started.kill()
            await untilEnded(pids)
            // An engine in a process of its own may have been done before it saw that nobody waits for it.
            if (!(engine === 'process' && existsSync(place.output)))
              place.expectNothing({ butLeftovers: true })
            await place.expectNext({ ...form, force: true })
          }
        }
      },
    )
  }

  for (const victim of ['engine', 'worker'] as const) {
    testWith(['linux'], `in its ${victim} fails, and leaves nothing under its name`, async () => {
      const place = new Place()
      // So that the engine has its worker from the first step on.
      await place.expectNext()
      run('rm', [place.output])
      for (const wanted of ['open-source', 'find-sensitive', 'write-rows', 'rows', 'publish-export']) {
        let pids: number[] = []
        const onProgress = ({ step, doneRows = 0 }: Progress): void => {
          if (pids.length > 0 || !(wanted === 'rows' ? doneRows > 5_000 : step === wanted)) return
          pids = engineProcesses().flatMap(({ engine }) =>
            victim === 'engine' ? [engine] : descendantsOf(engine),
          )
          // One of its own may have ended by itself meanwhile.
          for (const pid of pids) signal(pid, 'SIGKILL')
        }
        const result = await place.export({ onProgress })
        await untilEnded(pids)
        expect(pids.length).toBeGreaterThan(0)
        if (!result.success) expect(result.code, wanted).toBe('ENGINE_FAILED')
        // What was killed had nothing to do with it yet, or was done; who was to tell of it may be gone.
        else expect(wanted).toMatch(/open-source|publish-export|rows/)
        if (existsSync(place.output)) {
          expect(result.success || wanted === 'publish-export').toBe(true)
          expect(rowsIn(place.output)).toBe(ROWS)
          run('rm', [place.output])
        }
        place.expectNothing({ butLeftovers: victim === 'engine' })
        await place.expectNext()
        run('rm', [place.output])
      }
    })
  }

  testWith(
    ['linux', 'strace'],
    'while it replaces another leaves that one, or itself, as a whole',
    async () => {
      for (const format of ['json', 'csv'] as const) {
        for (let when = 1; when <= 3; when++) {
          const place = new Place()
          succeeded(await place.export({ format }))
          const before = filesBelow(place.out).filter(name => !name.startsWith('.'))
          const inject = `inject=rename,renameat,renameat2,link,linkat:signal=SIGKILL:when=${when}`
          const { status } = spawnUnder(
            ['strace', '-f', '-qq', '-o', '/dev/null', '-e', inject],
            [...place.args, '--format', format, '--force'],
          )
          const names = filesBelow(place.out).filter(name => !name.startsWith('.'))
          const whole = [...new Set(names.map(name => name.split('/')[0] ?? ''))]
          if (status === 0) expect(whole).toEqual(['export'])
          // One of both is there: under the name, or beside it.
          expect(whole.some(name => /^export(\.replaced-[0-9a-f]{8})?$/.test(name))).toBe(true)
          for (const name of whole.filter(each => each !== 'export'))
            expect(filesIn(join(place.out, name)).length).toBe(before.length - 1)
          expect(succeeded(await place.export({ format, force: true })).rows).toBe(ROWS)
        }
      }
    },
    300_000,
  )
})

function spawnUnder(under: readonly string[], args: readonly string[]): { status: number | null } {
  const [command = '', ...first] = under
  return spawnSync(command, [...first, process.execPath, '--no-warnings', CLI, ...args], { encoding: 'utf8' })
}
