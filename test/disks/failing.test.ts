/** A device that fails in the middle of an operation, goes read-only, and is repaired. */
import { existsSync, readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { ErrorCode } from '../../src/index.ts'
import { fsyncsOf } from './fsyncs.ts'
import { isFull, select } from '../faults/extent.ts'
import { publish } from '../faults/figures.ts'
import { openScene, succeeded } from '../restore/scene.ts'
import { failedWith } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { CASES, RUN_FILLING } from './attack.ts'
import { FAILING_DEVICE, mountFailingDevice } from './failing-device.ts'
import { expectNextSucceeds, expectTyped, expectWhole, storedIn } from './judge.ts'
import { disturbAt } from './moments.ts'
import type { FillOrder } from './run-filling.ts'
import { momentsOf, perform, prepare } from './situations.ts'

/** A restore that has committed to a disk which then fails can be neither proven nor undone, and says so. */
const ALLOWED: readonly ErrorCode[] = ['IO_FAILED', 'READ_ONLY', 'RESTORE_ROLLED_BACK', 'RESTORE_FAILED']

for (const { situation, disk } of CASES) {
  testWith(
    FAILING_DEVICE,
    `${situation.name}: when the device of the ${disk} fails to write, nothing is lost, and once it is repaired the next run succeeds`,
    async () => {
      const scene = openScene()
      const device = await mountFailingDevice(scene.path(disk), 32)
      const moments = (await momentsOf(scene, situation)).filter(moment => !moment.startsWith('space'))
      let failed = 0
      let whole = 0
      for (const moment of isFull ? moments : select(moments, 3)) {
        const where = `${situation.name}, ${disk}, ${moment}`
        await prepare(scene, situation)
        device.flush()
        const stored = storedIn(scene)
        using disturbance = disturbAt(moment, device.failWrites)
        const result = await perform(scene, situation, disturbance.onProgress)
        expectTyped(result, ALLOWED, where)
        device.repair()
        await expectWhole(scene, situation, stored, result, where)
        await expectNextSucceeds(scene, situation, where)
        if (result.success) whole++
        else failed++
      }
      publish({
        group: 'Full, failing and frozen disks',
        what: `device that fails to write, ${situation.name}, ${disk}`,
        count: failed + whole,
        unit: 'points',
        outcome: `${failed} failed, ${whole} whole, 0 lost`,
      })
      // A backup writes nothing beside the database that must last.
      expect(failed > 0).toBe(!(situation.operation === 'create' && disk === 'data'))
    },
    600_000,
  )
}

testWith(
  FAILING_DEVICE,
  'a database that the device fails to read is an error, and no backup of a part of it is stored',
  async () => {
    for (const database of ['wal', 'delete'] as const) {
      const scene = openScene()
      const device = await mountFailingDevice(scene.path('data'), 32)
      const situation = { name: database, operation: 'create', database } as const
      await prepare(scene, situation)
      const stored = storedIn(scene)
      for (const step of ['find-database', 'copy-image'] as const) {
        device.dropCaches()
        using disturbance = disturbAt(step, device.failReads)
        const result = await perform(scene, situation, disturbance.onProgress)
        const { message } = failedWith('IO_FAILED', result)
        expect(message).toContain(scene.databasePath)
        expect(storedIn(scene)).toEqual(stored)
        device.repair()
        await expectWhole(scene, situation, stored, result, step)
      }
      await expectNextSucceeds(scene, situation, database)
    }
  },
)

testWith(
  FAILING_DEVICE,
  'a backup that the device fails to read is an error to verify and to restore, not damage, and nothing is restored',
  async () => {
    const scene = openScene()
    const device = await mountFailingDevice(scene.backupDir, 32)
    const situation = { name: 'restore', operation: 'restore', database: 'wal' } as const
    await prepare(scene, situation)
    const stored = storedIn(scene)
    const product = scene.product({ engine: 'here' })
    for (const step of ['verify-backup', 'find-backup'] as const) {
      device.dropCaches()
      const reading = disturbAt(step, device.failReads)
      failedWith('IO_FAILED', await product.verifyBackup('latest', { onProgress: reading.onProgress }))
      reading[Symbol.dispose]()
      device.repair()
      device.dropCaches()
      using disturbance = disturbAt(step, device.failReads)
      const result = await perform(scene, situation, disturbance.onProgress)
      failedWith('IO_FAILED', result)
      device.repair()
      await expectWhole(scene, situation, stored, result, step)
    }
    expect(succeeded(await product.verifyBackup('latest')).status).toBe('intact')
    await expectNextSucceeds(scene, situation, 'restore')
  },
)

testWith(
  [...FAILING_DEVICE, 'strace'],
  'a file whose flush failed is never flushed again, and never gets its name',
  async () => {
    for (const situation of [
      { name: 'create', operation: 'create', database: 'wal' },
      { name: 'restore', operation: 'restore', database: 'missing' },
    ] as const) {
      const scene = openScene()
      const disk = situation.operation === 'create' ? 'backups' : 'data'
      const device = await mountFailingDevice(scene.path(disk), 32)
      await prepare(scene, situation)
      device.flush()
      device.failWrites()
      const trace = scene.path('trace')
      const order: FillOrder = {
        path: scene.databasePath,
        backupDir: scene.backupDir,
        operation: situation.operation,
        disk: scene.path(disk),
        moment: 'never',
        leaveBytes: 0,
      }
      const calls = fsyncsOf([RUN_FILLING, JSON.stringify(order)], trace)
      device.repair()
      const failed = calls.filter(({ isFsync, hasFailed }) => isFsync && hasFailed)
      expect(failed.length, readFileSync(trace, 'utf8')).toBeGreaterThan(0)
      for (const failure of failed) {
        const later = calls.slice(calls.indexOf(failure) + 1)
        expect(later.filter(call => call.isFsync && call.path === failure.path)).toEqual([])
        expect(later.filter(call => !call.isFsync && call.path === failure.path)).toEqual([])
      }
      expect(existsSync(scene.databasePath)).toBe(situation.operation === 'create')
      await expectNextSucceeds(scene, situation, situation.name)
    }
  },
)
