/** File systems that fill up while create and restore are at work: whole or refused, and the space is given back. */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { expect } from 'vitest'
import { isFull, select } from '../faults/extent.ts'
import { openScene, type Scene } from '../restore/scene.ts'
import { UNPRIVILEGED } from '../support/other-process.ts'
import { testWith } from '../support/requirements.ts'
import { attack, type Attack, CASES, type Disk, isLarge, RUN_FILLING, Tried } from './attack.ts'
import { fillInodes, limitQuota, MOUNTS, mountReserved, mountTmpfs, mountWithQuota } from './devices.ts'
import { takeSpace } from './moments.ts'
import type { FillOrder } from './run-filling.ts'
import { type Result, type Situation, momentsOf } from './situations.ts'

const STEP_BYTES = 3 * 4096

for (const { situation, disk } of select(CASES, 6)) {
  testWith(
    MOUNTS,
    `${situation.name}: a disk of the ${disk} that fills up at any step, to any byte, leaves all as it was or the whole result`,
    async () => {
      const scene = openScene()
      mountTmpfs(scene.path(disk), 'size=4m')
      const tried = new Tried()
      for (const moment of await momentsOf(scene, situation)) {
        for (const leaveBytes of sizesFor(moment)) {
          await attack(scene, fillAt(scene, { situation, disk, moment, leaveBytes }), tried)
        }
      }
      tried.publish(`tmpfs full by bytes, ${situation.name}, ${disk}`)
      expectBoth(tried, situation, disk)
    },
    600_000,
  )
}

interface Filling {
  readonly situation: Situation
  readonly disk: Disk
  readonly moment: string
  readonly leaveBytes: number
}

function fillAt(scene: Scene, filling: Filling): Attack {
  const directory = scene.path(filling.disk)
  return {
    ...filling,
    what: `${filling.leaveBytes} bytes left`,
    take: () => takeSpace(directory, filling.leaveBytes),
    giveBack: () => rmSync(scene.path(filling.disk, 'filler'), { force: true }),
    isCounted: true,
  }
}

/** Free bytes from none to more than enough, a few pages apart: so writes are cut short at every place. */
function sizesFor(moment: string): readonly number[] {
  const sizes = Array.from({ length: isLarge(moment) ? 40 : 4 }, (_, i) => i * STEP_BYTES)
  return isFull ? sizes : isLarge(moment) ? select(sizes, 3) : [0]
}

/** The attack has a grip, and lets go. A backup needs no room beside the database. */
function expectBoth(tried: Tried, { operation }: Situation, disk: Disk): void {
  expect(tried.failed > 0).toBe(!(operation === 'create' && disk === 'data'))
  if (isFull) expect(tried.whole).toBeGreaterThan(0)
}

for (const { situation, disk } of select(CASES, 3)) {
  testWith(
    MOUNTS,
    `${situation.name}: a disk of the ${disk} whose last inodes go at any step leaves all as it was or the whole result`,
    async () => {
      const scene = openScene()
      mountTmpfs(scene.path(disk), 'size=16m,nr_inodes=64')
      const tried = new Tried()
      for (const moment of await momentsOf(scene, situation)) {
        for (const leave of isFull ? [0, 1, 2, 3] : [0]) {
          const take = (): void => fillInodes(scene.path(disk), leave)
          const giveBack = (): void => rmSync(scene.path(disk, 'fillers'), { force: true, recursive: true })
          await attack(
            scene,
            { situation, disk, moment, what: `${leave} inodes left`, take, giveBack, isCounted: true },
            tried,
          )
        }
      }
      tried.publish(`tmpfs full by inodes, ${situation.name}, ${disk}`)
      expectBoth(tried, situation, disk)
    },
    600_000,
  )
}

for (const { situation, disk } of select(CASES, 3)) {
  testWith(
    [...MOUNTS, 'mkfs.ext4', 'tune2fs', 'setpriv'],
    `${situation.name}: an ordinary user whose 8 MB ext4 of the ${disk} fills up has all as it was or the whole result`,
    async () => {
      const scene = openScene()
      mountReserved(scene.path(disk), 8)
      const tried = new Tried()
      const moments = await momentsOf(scene, situation)
      for (const moment of isFull ? moments : moments.filter(isLarge)) {
        const sizes = Array.from({ length: 30 }, (_, i) => i * 16 * 1024)
        for (const leaveBytes of select(sizes, 2)) {
          const order = fillAt(scene, { situation, disk, moment, leaveBytes })
          const run = (): Result => runUnprivileged(scene, { situation, disk, moment, leaveBytes })
          await attack(scene, { ...order, run }, tried)
        }
      }
      tried.publish(`8 MB ext4 as an ordinary user, ${situation.name}, ${disk}`)
      expectBoth(tried, situation, disk)
    },
    600_000,
  )
}

function runUnprivileged(scene: Scene, { situation, disk, moment, leaveBytes }: Filling): Result {
  const order: FillOrder = {
    path: scene.databasePath,
    backupDir: scene.backupDir,
    operation: situation.operation,
    disk: scene.path(disk),
    moment,
    leaveBytes,
  }
  const [command, ...args] = [
    ...UNPRIVILEGED,
    process.execPath,
    '--no-warnings',
    RUN_FILLING,
    JSON.stringify(order),
  ]
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout) as Result
}

for (const { situation, disk } of select(CASES, 3)) {
  testWith(
    [...MOUNTS, 'mkfs.btrfs', 'btrfs'],
    `${situation.name}: a quota of the ${disk} that is reached at any step leaves all as it was or the whole result`,
    async () => {
      const scene = openScene()
      const quota = mountWithQuota(scene.path(disk))
      const tried = new Tried()
      for (const moment of await momentsOf(scene, situation)) {
        const sizes = isLarge(moment) ? [0, 64, 128, 256, 512, 4096] : [0, 64]
        for (const leaveKiB of isFull ? sizes : isLarge(moment) ? [64, 4096] : [0]) {
          const take = (): void => limitQuota(quota, leaveKiB * 1024)
          const giveBack = (): void => limitQuota(quota, null)
          await attack(
            scene,
            {
              situation,
              disk,
              moment,
              what: `${leaveKiB} KiB left`,
              take,
              giveBack,
              isCounted: false,
              isQuota: true,
            },
            tried,
          )
        }
      }
      tried.publish(`btrfs quota, ${situation.name}, ${disk}`)
      expect(tried.whole).toBeGreaterThan(0)
    },
    600_000,
  )
}
