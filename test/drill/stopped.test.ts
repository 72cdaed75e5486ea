/** Drills that are cancelled, killed, or run into a full disk. */
import { readdirSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { descendantsOf, untilEnded } from '../crash/processes.ts'
import { select } from '../faults/extent.ts'
import { holdEngines } from '../support/held-engines.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { startScript } from '../support/scripts.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { Place } from './place.ts'

holdEngines()

/** The steps of a drill; some come twice. */
async function stepsOf(place: Place): Promise<string[]> {
  const steps: string[] = []
  const onProgress = ({ step }: Progress): void => void (steps.at(-1) === step || steps.push(step))
  succeeded(await place.drill({ onProgress }))
  return steps
}

for (const engine of ['here', 'process'] as const) {
  test(`a drill that is cancelled at any step leaves nothing and is no result, ${engine}`, async () => {
    const place = new Place()
    await place.backUp()
    const steps = await stepsOf(place)
    // Beyond recall: what is left to do is writing the result down. On its way to another process the word may come when
    // the restore, whose last steps are short, has been looked at.
    const inTime = engine === 'here' ? steps.length - 3 : steps.indexOf('stage-image')
    expect(inTime).toBeGreaterThan(8)
    const before = place.protectedFiles()
    for (const wanted of engine === 'here' ? steps.keys() : select([...steps.keys()], 6)) {
      await using fresh = await freshBackup(place)
      const controller = new AbortController()
      let seen = -1
      let last = ''
      const onProgress = ({ step }: Progress): void => {
        if (step !== last) seen += 1
        last = step
        if (seen === wanted) controller.abort()
      }
      const result = await place.drill({ backup: fresh.path, onProgress, signal: controller.signal }, engine)
      if (result.success) expect(wanted).toBeGreaterThanOrEqual(inTime)
      else {
        expect(result.code).toBe('CANCELLED')
        expect(place.metadataOf(fresh.filename)['last_drill']).toBeUndefined()
      }
      expect(place.leftovers()).toEqual([])
    }
    expect(place.protectedFiles()).toEqual(before)
  })
}

const DRILL_AND_STOP = `
  import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
  const [path, backupDir, scratchDir, wanted, engine] = process.argv.slice(1)
  let seen = -1, last = ''
  const onProgress = ({ step }) => {
    if (step !== last) seen += 1
    last = step
    if (seen === Number(wanted)) { console.log('there'); process.kill(process.pid, 'SIGSTOP') }
  }
  await new Database({ path, backupDir, engine }).drillBackup({ scratchDir, onProgress })
  console.log('done')
  setInterval(() => {}, 1 << 30)
`

for (const engine of ['here', 'process'] as const) {
  testWith(
    ['linux'],
    `what a drill that was killed at any step left is removed by the next one, and the backup is whole, ${engine}`,
    async () => {
      const place = new Place()
      await place.backUp()
      const scratchDir = temporaryDirectory()
      const steps = await stepsOf(place)
      const before = place.protectedFiles()
      let left = 0
      // Where the engine has a process of its own it goes on to its end, mostly.
      const all = [...steps.keys()]
      for (const wanted of select(all, engine === 'here' ? 10 : 4)) {
        const started = await startScript(DRILL_AND_STOP, [
          place.path,
          place.backupDir,
          scratchDir,
          String(wanted),
          engine,
        ])
        const pids = descendantsOf(started.child.pid ?? 0)
        await started.kill()
        await untilEnded(pids)
        left += readdirSync(scratchDir).length
        expect(place.protectedFiles()).toEqual(before)
        // The metadata is the old or the new, whole.
        expect((await place.newest()).metadataState).toBe('ok')
        expect(succeeded(await place.drill({ scratchDir }))).toMatchObject({
          status: 'passed',
          recorded: true,
        })
        expect(readdirSync(scratchDir)).toEqual([])
        expect(place.leftovers()).toEqual([])
      }
      // Otherwise nothing was proven. A host that is killed leaves its engine time to clean up.
      if (engine === 'here') expect(left).toBeGreaterThan(3)
    },
  )
}

testWith(['root', 'mount'], 'a drill looks for space before it reads or writes anything', async () => {
  const place = new Place()
  await place.backUp()
  const scratchDir = mountTmpfs('size=2m')
  const steps: string[] = []
  const failure = failedWith(
    'INSUFFICIENT_SPACE',
    await place.drill({ scratchDir, onProgress: ({ step }) => void steps.push(step) }),
  )
  expect(failure.message).toContain(scratchDir)
  expect(failure.hint).toContain('--scratch')
  expect(steps).toEqual(['find-backup', 'remove-leftovers', 'check-space'])
  expect(readdirSync(scratchDir)).toEqual([])
  expect((await place.newest()).metadata?.last_drill).toBeUndefined()
})

testWith(
  ['root', 'mount'],
  'a disk that fills up during the drill is no verdict on the backup, and gets its space back',
  async () => {
    const place = new Place()
    await place.backUp()
    const scratchDir = mountTmpfs('size=16m')
    const free = statfsSync(scratchDir).bavail
    const filler = join(scratchDir, 'others')
    const onProgress = ({ step }: Progress): void => {
      if (step === 'stage-image') writeFileSync(filler, Buffer.alloc(14 << 20))
    }
    failedWith('INSUFFICIENT_SPACE', await place.drill({ scratchDir, onProgress }))
    expect(readdirSync(scratchDir)).toEqual(['others'])
    run('rm', [filler])
    expect(statfsSync(scratchDir).bavail).toBe(free)
    expect((await place.newest()).metadata?.last_drill).toBeUndefined()
    expect(succeeded(await place.drill({ scratchDir })).status).toBe('passed')
  },
)

testWith(
  ['root', 'mount'],
  'a result that cannot be written down is told all the same, and the metadata stays whole',
  async () => {
    const place = new Place('CREATE TABLE t (a)')
    const backupDir = mountTmpfs('size=4m')
    run('ln', ['-s', backupDir, place.backupDir])
    const filename = (await place.backUp()).split('/').at(-1) as string
    const before = place.metadataOf(filename)
    const scratchDir = temporaryDirectory()
    const filler = join(backupDir, 'others')
    const onProgress = ({ step }: Progress): void => {
      if (step === 'remove-scratch') fillUp(filler)
    }
    const drilled = succeeded(await place.drill({ scratchDir, onProgress }))
    expect(drilled).toMatchObject({ status: 'passed', recorded: false })
    expect(drilled.notes).toEqual([expect.stringContaining('Insufficient disk space')])
    expect(place.metadataOf(filename)).toEqual(before)
    expect(place.leftovers()).toEqual([])
  },
)

function mountTmpfs(options: string): string {
  const directory = temporaryDirectory()
  run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
  onTestFinished(() => void run('umount', [directory]))
  return directory
}

/** Takes every block that is free. */
function fillUp(path: string): void {
  run('sh', ['-c', 'cat /dev/zero > "$0" 2>/dev/null || true', path])
}

interface FreshBackup extends AsyncDisposable {
  readonly path: string
  readonly filename: string
}

/** One that was never drilled, gone afterwards. */
async function freshBackup(place: Place): Promise<FreshBackup> {
  const path = await place.backUp({ check: 'none' })
  const filename = path.split('/').at(-1) as string
  const metadata = join(place.backupDir, 'metadata', `${filename}.json`)
  return {
    path,
    filename,
    [Symbol.asyncDispose]: () => Promise.resolve(void run('rm', [path, metadata])),
  }
}
