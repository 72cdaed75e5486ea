/** A disk that hangs: the job is given up as stalled, the host lives on, and the next run after it is as any other. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { setInterval as everyMs } from 'node:timers/promises'
import { expect, onTestFinished } from 'vitest'
import type { Database, Failure } from '../../src/index.ts'
import { select } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { BACKED_UP, expectCommit, leftoversIn, NOW, openScene, type Scene } from '../restore/scene.ts'
import { assertIntact } from '../support/intact.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { CASES } from './attack.ts'
import { freeze, type Frozen, mountLoop, MOUNTS } from './devices.ts'
import { expectNextSucceeds, expectWhole, storedIn } from './judge.ts'
import { untilKilledHaveEnded } from './killed.ts'
import { prepare } from './situations.ts'

const FREEZES: readonly string[] = [...MOUNTS, 'mkfs.ext4', 'fsfreeze', 'setsid']
/** Short, because what is asked here hangs for certain; what must succeed is given the default. */
const PATIENCE = { waitForLockMs: 200, stallAfterMs: 1_500 }

/** The product with little patience. */
function impatient(scene: Scene, stallAfterMs = PATIENCE.stallAfterMs): Database {
  writeFileSync(scene.path('impatient.json'), JSON.stringify({ ...PATIENCE, stallAfterMs }))
  return scene.product({ config: scene.path('impatient.json') })
}

/** Freezes a disk the first time that it is told to. */
class FreezeOnce {
  readonly #directory: string
  #frozen: Frozen | null = null

  constructor(directory: string) {
    this.#directory = directory
  }

  freeze(): void {
    this.#frozen ??= freeze(this.#directory)
  }

  thaw(): void {
    this.#frozen?.thaw()
  }
}

let stalls = 0

function expectStalled(result: { readonly success: true } | Failure, scene: Scene): void {
  const { message, hint } = failedWith('STALLED', result)
  // Whichever gives up first: the host on its engine, or that on SQLite.
  expect(message).toMatch(
    /^(No sign of life for [25] s in the step [a-z-]+|SQLite was still busy .* after [25] s): /,
  )
  expect(message).toContain(scene.directory)
  expect(hint).toContain('stallAfterMs')
  stalls++
}

for (const { situation, disk } of select(CASES, 5)) {
  // A database in rollback mode can be read while its disk takes no writes.
  const isOnlyRead = situation.operation === 'create' && disk === 'data'
  testWith(
    FREEZES,
    `${situation.name}: while the disk of the ${disk} hangs, it is answered, and after that nothing is lost`,
    async () => {
      const scene = openScene()
      mountLoop(scene.path(disk), 'ext4', 32)
      await prepare(scene, situation)
      const stored = storedIn(scene)
      const product = impatient(scene)
      const frozen = freeze(scene.path(disk))
      const result =
        situation.operation === 'create'
          ? await product.createBackup()
          : await product.restoreBackup('latest', { confirm: true })
      if (!isOnlyRead || !result.success) expectStalled(result, scene)
      frozen.thaw()
      await untilKilledHaveEnded()
      await expectWhole(scene, situation, stored, result, situation.name)
      await expectNextSucceeds(scene, situation, situation.name)
    },
  )
}

testWith(
  FREEZES,
  'a disk that begins to hang in the middle of a restore leaves the old database or the new one',
  async () => {
    for (const step of ['pre-restore-backup', 'apply-image', 'compare-target', 'settle-target']) {
      const scene = openScene()
      mountLoop(scene.path('data'), 'ext4', 32)
      await prepare(scene, { name: step, operation: 'restore', database: 'wal' })
      const frozen = new FreezeOnce(scene.path('data'))
      const result = await impatient(scene).restoreBackup('latest', {
        confirm: true,
        onProgress({ step: begun }) {
          if (begun === step) frozen.freeze()
        },
      })
      frozen.thaw()
      await untilKilledHaveEnded()
      // The disk may have come to a halt only after the last byte was written.
      if (!result.success) expectStalled(result, scene)
      expect([BACKED_UP, NOW]).toContain(assertIntact(scene.databasePath).commits)
      succeeded(await scene.product().restoreBackup('latest', { confirm: true }))
      expectCommit(scene.databasePath, BACKED_UP)
      expect(leftoversIn(scene.directory)).toEqual([])
    }
  },
)

testWith(
  FREEZES,
  'while a disk hangs the host answers, other databases are backed up, and their engines are not touched',
  async () => {
    const scene = openScene()
    const other = openScene()
    mountLoop(scene.backupDir, 'ext4', 32)
    const situation = { name: 'create', operation: 'create', database: 'wal' } as const
    await prepare(scene, situation)
    await prepare(other, situation)
    const frozen = freeze(scene.backupDir)
    let isAnswered = false
    // Long enough for three other backups on a machine that is busy.
    const hung = impatient(scene, 5_000)
      .createBackup()
      .finally(() => (isAnswered = true))
    let ticks = 0
    let made = 0
    for await (const _ of everyMs(5)) {
      if (isAnswered) break
      ticks++
      if (made < 3) {
        succeeded(await other.product().createBackup())
        made++
      }
    }
    expectStalled(await hung, scene)
    expect(made).toBe(3)
    expect(ticks).toBeGreaterThan(50)
    // The engine that hangs is not asked again.
    succeeded(await other.product().createBackup())
    frozen.thaw()
    succeeded(await scene.product().createBackup())
  },
)

testWith(
  FREEZES,
  'the lock of a job that hangs is told as such, and is free once the disk answers',
  async () => {
    const scene = openScene()
    mountLoop(scene.path('elsewhere'), 'ext4', 32)
    await prepare(scene, { name: 'restore', operation: 'restore', database: 'wal' })
    // No step before the one that hangs may seem to, on a machine that is busy.
    const product = impatient(scene, 5_000)
    const to = scene.path('elsewhere', 'restored.db')
    const frozen = freeze(scene.path('elsewhere'))
    const { message } = failedWith('STALLED', await product.restoreBackup('latest', { to }))
    expect(message).toContain(`stage-image: ${to}`)
    // Its engine is killed, but the kernel keeps it, and with it the lock, until its call returns.
    failedWith('CATALOG_LOCKED', await product.createBackup())
    frozen.thaw()
    succeeded(await scene.product().createBackup())
    expect(existsSync(to)).toBe(false)
    succeeded(await scene.product().restoreBackup('latest', { to }))
    expect(leftoversIn(scene.directory)).toEqual([])
  },
)

/** A host that asks for one backup, prints what it is answered, and then has nothing more to do. */
const HOST = `
  import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
  const answer = await new Database(JSON.parse(process.argv[1])).createBackup()
  console.log(JSON.stringify(answer))
`

function start(args: readonly string[]): ChildProcess {
  const child = spawn(process.execPath, ['--no-warnings', ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

testWith(FREEZES, 'a host can end while its engine hangs', async () => {
  const scene = openScene()
  mountLoop(scene.backupDir, 'ext4', 32)
  await prepare(scene, { name: 'create', operation: 'create', database: 'wal' })
  const config = scene.path('impatient.json')
  writeFileSync(config, JSON.stringify(PATIENCE))
  const options = { path: scene.databasePath, backupDir: scene.backupDir, config }
  const frozen = freeze(scene.backupDir)
  const host = start(['--input-type=module', '--eval', HOST, '--', JSON.stringify(options)])
  const [answer, [code]] = await Promise.all([
    text(host.stdout as NodeJS.ReadableStream),
    once(host, 'exit') as Promise<[number | null]>,
  ])
  expect(code).toBe(0)
  expectStalled(JSON.parse(answer) as Failure, scene)
  frozen.thaw()
  succeeded(await scene.product().createBackup())
})

testWith(FREEZES, 'the command line says that a disk hangs, and ends as failed once it answers', async () => {
  const scene = openScene()
  mountLoop(scene.path('elsewhere'), 'ext4', 32)
  await prepare(scene, { name: 'create', operation: 'create', database: 'wal' })
  const config = scene.path('impatient.json')
  writeFileSync(config, JSON.stringify({ ...PATIENCE, path: 'data/app.db', backupDir: 'backups' }))
  const frozen = freeze(scene.path('elsewhere'))
  const main = new URL('../../src/cli/main.ts', import.meta.url).pathname
  const to = scene.path('elsewhere', 'restored.db')
  const cli = start([main, 'restore', 'latest', '--to', to, '--config', config])
  const stderr = cli.stderr as NodeJS.ReadableStream
  const [said] = (await once(stderr, 'data')) as [Buffer]
  expect(String(said)).toContain('No sign of life')
  expect(cli.exitCode).toBe(null)
  const exited = once(cli, 'exit')
  frozen.thaw()
  expect(await exited).toEqual([1, null])
  expect(existsSync(to)).toBe(false)
  publish({
    group: 'Full, failing and frozen disks',
    what: 'frozen disks',
    count: stalls + 1,
    unit: 'runs',
    outcome: 'all answered, 0 lost',
  })
})
