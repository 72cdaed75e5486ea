/** A disk that hangs, or memory that is wanting, under every other operation that works with data. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { setInterval as everyMs } from 'node:timers/promises'
import { expect } from 'vitest'
import { descendantsOf } from '../crash/processes.ts'
import { select } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { expectCommit, leftoversIn, NOW, openScene, type Scene } from '../restore/scene.ts'
import { buildDatabase } from '../support/databases.ts'
import { holdEngines } from '../support/held-engines.ts'
import { engineProcesses, failedWith, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { makeGroup, needsController } from './cgroups.ts'
import { freeze, mountLoop, MOUNTS } from './devices.ts'
import { type Stored, storedIn } from './judge.ts'
import { untilKilledHaveEnded } from './killed.ts'
import { backUpAndExport, type Other, OTHERS, prepareOthers } from './others.ts'

holdEngines()

/** Short, because what is asked here hangs for certain; what must succeed is given the default. */
const PATIENCE = { waitForLockMs: 200, stallAfterMs: 1_500 }

testWith(
  [...MOUNTS, 'mkfs.ext4', 'fsfreeze', 'setsid'],
  'whatever else hangs with its disk is given up, all at once, while the host answers, and is done once the disk answers',
  async () => {
    const prepared = await Promise.all(OTHERS.map(prepareToHang))
    // All at once, and only now: what is frozen for long thaws by itself.
    const hung = prepared.map(one => ({ ...one, frozen: freeze(one.scene.path(one.other.disk)) }))
    let answered = 0
    const answers = hung.map(({ scene, other }) => {
      writeFileSync(scene.path('impatient.json'), JSON.stringify(PATIENCE))
      const product = scene.product({ config: scene.path('impatient.json') })
      return other.run(product, scene).finally(() => answered++)
    })
    let ticks = 0
    for await (const _ of everyMs(5)) {
      if (answered === answers.length) break
      ticks++
    }
    expect(ticks).toBeGreaterThan(50)
    for (const [i, { scene, other }] of hung.entries()) {
      const answer = (await answers[i]) ?? { success: true }
      // What was found out is told, though it could not be noted.
      if (answer.success && other.isReading === true) continue
      const { message, hint } = failedWith('STALLED', answer)
      expect(message, other.name).toContain(scene.directory)
      expect(hint, other.name).toContain('stallAfterMs')
    }
    for (const { frozen } of hung) frozen.thaw()
    await untilKilledHaveEnded()
    for (const { scene, other, stored } of hung) {
      // A cleanup may have been in the middle of deleting what it was to delete, and nothing else.
      const after = storedIn(scene)
      const lost = [...stored].filter(([name, digest]) => after.get(name) !== digest)
      expect(other.isRemoving ? [] : lost, other.name).toEqual([])
      expectCommit(scene.databasePath, NOW)
      succeeded(await other.run(scene.product(), scene))
      expect(leftoversIn(scene.directory), other.name).toEqual([])
      await expectAllIntact(scene, other)
    }
    publish({
      group: 'Full, failing and frozen disks',
      what: 'frozen disks, other operations',
      count: hung.length,
      unit: 'runs',
      outcome: 'all answered, 0 lost',
    })
  },
  300_000,
)

interface Prepared {
  readonly scene: Scene
  readonly other: Other
  readonly stored: Stored
}

async function prepareToHang(other: Other): Promise<Prepared> {
  const scene = openScene()
  mountLoop(scene.path(other.disk), 'ext4', 32)
  await prepareOthers(scene)
  return { scene, other, stored: storedIn(scene) }
}

async function expectAllIntact(scene: Scene, { name }: Other): Promise<void> {
  const product = scene.product({ engine: 'here' })
  const listed = await product.listBackups()
  expect(listed.length, name).toBeGreaterThan(0)
  for (const { filename } of listed)
    expect(await product.verifyBackup(filename), `${name}: ${filename}`).toMatchObject({ status: 'intact' })
}

/** So large that every process which works with it has to ask for more. */
const LARGE =
  'CREATE TABLE t (a, b); INSERT INTO t VALUES (1, randomblob(20000000)); CREATE INDEX i ON t (a, b)'

for (const other of select(
  OTHERS.filter(({ step }) => step !== null),
  3,
)) {
  testWith(
    ['linux', needsController('memory')],
    `${other.name}: when a process is killed for want of memory, the job fails, the host lives, and the next call has a new one`,
    async () => {
      const scene = openScene()
      mkdirSync(dirname(scene.databasePath))
      mkdirSync(scene.path('elsewhere'))
      buildDatabase(scene.databasePath, LARGE)
      await backUpAndExport(scene)
      const stored = storedIn(scene)
      const group = makeGroup('memory', 'others')
      group.set('memory.limit_in_bytes', '1M')
      const limited = new Set<number>()
      const failed = await other.run(scene.product(), scene, ({ step }) => {
        if (step !== other.step) return
        // Some are started as they are needed.
        for (const pid of engineProcesses().flatMap(({ engine }) => [engine, ...descendantsOf(engine)])) {
          if (!limited.has(pid)) group.add(pid)
          limited.add(pid)
        }
      })
      expect(failedWith('ENGINE_FAILED', failed).message).toContain('was killed by SIGKILL')
      // Others that wait for work were limited, too.
      group.set('memory.limit_in_bytes', '-1')
      for (const [name, digest] of stored) expect(storedIn(scene).get(name), name).toBe(digest)
      succeeded(await other.run(scene.product(), scene))
      expect(leftoversIn(scene.directory)).toEqual([])
      await expectAllIntact(scene, other)
    },
    120_000,
  )
}
