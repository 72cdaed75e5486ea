import { once } from 'node:events'
import { closeSync, mkdirSync, openSync, readdirSync, statfsSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { callElsewhere } from '../support/other-process.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { startScript } from '../support/scripts.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { ndjsonText, readContent } from './build-export.ts'
import { expectEqualDatabases } from './equality.ts'
import { Place } from './place.ts'

/** Megabytes of rows, so that an import of them can be met in the middle. */
function buildLarge(place: Place): string {
  const rows = 'WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 20000)'
  buildDatabase(
    place.source,
    `CREATE TABLE t (a, b); INSERT INTO t ${rows} SELECT i, hex(randomblob(100)) FROM n`,
  )
  return place.file('export.ndjson', ndjsonText(readContent(place.source)))
}

test('an import can be cancelled at every step, and leaves nothing', async () => {
  const whole = new Place()
  const from = buildLarge(whole)
  const steps: string[] = []
  const note = ({ step }: Progress): void => void (steps.includes(step) || steps.push(step))
  succeeded(await whole.import(from, { onProgress: note }))
  expect(steps).toEqual(['find-export', 'remove-leftovers', 'import-rows', 'check-import', 'publish-import'])
  for (const wanted of steps) {
    const place = new Place()
    const controller = new AbortController()
    const onProgress = ({ step, doneBytes }: Progress): void => {
      if (step === wanted && (step !== 'import-rows' || doneBytes !== undefined)) controller.abort()
    }
    const result = await place.import(from, { onProgress, signal: controller.signal })
    if (!result.success) {
      expect(result.code).toBe('CANCELLED')
      expect(filesBelow(join(place.directory, 'out'))).toEqual([])
    } else {
      // Beyond recall: it is in its place.
      expect(wanted).toBe('publish-import')
      expectEqualDatabases(whole.source, place.target)
    }
  }
})

const IMPORT_AND_SAY = `
  import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
  const [from, to, wanted] = process.argv.slice(1)
  // In the middle of the rows, once there are some.
  const onProgress = ({ step, doneBytes }) => { if (step === wanted && (step !== 'import-rows' || doneBytes !== undefined)) { console.log('there'); process.kill(process.pid, 'SIGSTOP') } }
  await new Database({ path: to + '.none', engine: 'here' }).importData({ from, to, onProgress })
  setInterval(() => {}, 1 << 30)
`

testWith(
  ['linux'],
  'an import that was killed leaves nothing under the name, and the next one removes the rest',
  async () => {
    for (const step of ['import-rows', 'check-import', 'publish-import']) {
      const place = new Place()
      const from = buildLarge(place)
      const started = await startScript(IMPORT_AND_SAY, [from, place.target, step])
      await started.kill()
      const left = readdirSync(join(place.directory, 'out'))
      expect(left).toHaveLength(1)
      expect(left[0]).toMatch(/^\.chame-work-/)
      await place.imported(from)
      expectEqualDatabases(place.source, place.target)
    }
  },
)

testWith(['linux'], 'an import does not disturb another one beside it', async () => {
  const place = new Place()
  const from = buildLarge(place)
  const { child } = await startScript(IMPORT_AND_SAY, [from, place.target, 'check-import'])
  const other = join(place.directory, 'out', 'other.db')
  succeeded(await place.import(from, { to: other }))
  expect(readdirSync(join(place.directory, 'out')).toSorted()).toHaveLength(2)
  child.kill('SIGCONT')
  while (!filesBelow(join(place.directory, 'out')).includes('new.db'))
    await new Promise(resolve => setTimeout(resolve, 20))
  child.kill('SIGKILL')
  await once(child, 'exit')
  expectEqualDatabases(place.source, place.target)
  expectEqualDatabases(place.source, other)
})

testWith(['root', 'mount'], 'a full disk fails the import, and is as free as before', async () => {
  const place = new Place()
  const from = buildLarge(place)
  const disk = temporaryDirectory()
  run('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk])
  onTestFinished(() => void run('umount', [disk]))
  const free = statfsSync(disk).bavail
  const to = join(disk, 'new.db')
  const { message } = failedWith('INSUFFICIENT_SPACE', await place.import(from, { to }))
  expect(message).toContain(to)
  expect(filesBelow(disk)).toEqual([])
  expect(statfsSync(disk).bavail).toBe(free)
})

for (const [what, faults, code] of [
  ['cannot be flushed', ['fsync:error=EIO:when=1'], 'IO_FAILED'],
  ['cannot get its name', ['link:error=EPERM', 'rename:error=ENOSPC'], 'INSUFFICIENT_SPACE'],
  ['cannot be written', ['pwrite64:error=ENOSPC:when=20+'], 'INSUFFICIENT_SPACE'],
  ['is on a file system without hard links', ['link:error=EPERM'], null],
] as const) {
  const outcome = code === null ? 'is there all the same' : `is not there, and the failure is ${code}`
  testWith(['linux', 'strace'], `a new database that ${what} ${outcome}`, () => {
    const place = new Place()
    const from = buildLarge(place)
    mkdirSync(join(place.directory, 'out'))
    const inject = faults.flatMap(fault => ['-e', `inject=${fault}`])
    const under = ['strace', '-f', '-qq', '-o', '/dev/null', ...inject]
    const options = { path: place.source, engine: 'here' } as const
    const env = { UV_THREADPOOL_SIZE: '1' }
    const [answer] = callElsewhere(options, [['importData', { from, to: place.target }]], { under, env })
    expect(answer).toMatchObject(code === null ? { success: true } : { success: false, code })
    expect(readdirSync(join(place.directory, 'out'))).toEqual(code === null ? ['new.db'] : [])
  })
}

test.each([
  { what: 'its schema', offset: 100 },
  { what: 'a table', offset: 4096 },
])(
  'a new database that the disk damages in $what is not there, and the failure says so',
  async ({ offset }) => {
    const place = new Place()
    const from = buildLarge(place)
    const out = join(place.directory, 'out')
    const onProgress = ({ step }: Progress): void => {
      if (step !== 'check-import') return
      const [staged = ''] = filesBelow(out).filter(name => name.endsWith('new.db'))
      const file = openSync(join(out, staged), 'r+')
      writeSync(file, Buffer.alloc(16, 0xee), 0, 16, offset)
      closeSync(file)
    }
    const { message } = failedWith('IO_FAILED', await place.import(from, { onProgress }))
    expect(message).toContain(`nothing was made: ${place.target}`)
    expect(filesBelow(out)).toEqual([])
  },
)
