/** Taking a disk's space away in the middle of an operation, and judging what becomes of it. */
import { statfsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import type { ErrorCode } from '../../src/index.ts'
import { publish } from '../faults/figures.ts'
import { leftoversIn, type Scene } from '../restore/scene.ts'
import { databaseFiles, expectNextSucceeds, expectTyped, expectWhole, storedIn } from './judge.ts'
import { disturbAt } from './moments.ts'
import { CREATE, perform, prepare, RESTORE, type Result, type Situation } from './situations.ts'

/** The program that runs an operation and fills a disk at some moment, for users with fewer rights. */
export const RUN_FILLING: string = fileURLToPath(new URL('./run-filling.ts', import.meta.url))

export type Disk = 'backups' | 'data'

/** Every operation, with either of its disks being the bad one. */
export const CASES: readonly { readonly situation: Situation; readonly disk: Disk }[] = [
  ...CREATE,
  ...RESTORE,
].flatMap(situation => (['backups', 'data'] as const).map(disk => ({ situation, disk })))

/** From each of these moments on an image is written, with no look at the free space before; otherwise little is. */
export function isLarge(moment: string): boolean {
  return ['stage-image', 'apply-image'].includes(moment) || moment.startsWith('space-checked')
}

export interface Attack {
  readonly situation: Situation
  readonly disk: Disk
  readonly moment: string
  /** How much is left, in words. */
  readonly what: string
  readonly take: () => void
  readonly giveBack: () => void
  /** Whether free blocks can be counted there; btrfs writes its trees anew, and to other places. */
  readonly isCounted: boolean
  /** Whether SQLite takes it for a disk that fails, so that only the hint can speak of it where it leaves some room. */
  readonly isQuota?: boolean
  /** Runs the operation elsewhere and takes the space away there. Default: here, with `take`. */
  readonly run?: () => Result
}

/** What came of the attacks so far. */
export class Tried {
  refused = 0
  undone = 0
  stuck = 0
  whole = 0

  get failed(): number {
    return this.refused + this.undone + this.stuck
  }

  note(result: Result): void {
    if (result.success) this.whole++
    else if (result.code === 'RESTORE_ROLLED_BACK') this.undone++
    else if (result.code === 'RESTORE_FAILED') this.stuck++
    else this.refused++
  }

  publish(what: string): void {
    publish({
      group: 'Full, failing and frozen disks',
      what,
      count: this.failed + this.whole,
      unit: 'points',
      outcome: `${this.refused} refused, ${this.undone} undone, ${this.stuck} old or new as said, ${this.whole} whole, 0 partial`,
    })
  }
}

/** A restore that has committed, and then finds no byte to compare or to undo with, holds either content and says so. */
const ALLOWED: readonly ErrorCode[] = ['INSUFFICIENT_SPACE', 'RESTORE_ROLLED_BACK', 'RESTORE_FAILED']

export async function attack(scene: Scene, order: Attack, tried: Tried): Promise<void> {
  const { situation, disk, moment, what, giveBack, isCounted, run } = order
  const where = `${situation.name}, ${disk}, ${moment}, ${what}`
  await prepare(scene, situation)
  const stored = storedIn(scene)
  const source = databaseFiles(scene)
  const before = freeBlocks(scene.path(disk))
  const result = run?.() ?? (await performAt(scene, order))
  giveBack()
  const isUntold = order.isQuota === true && !result.success && result.hint?.includes('quota') === true
  const codes = disk === 'data' ? ALLOWED : ALLOWED.slice(0, 2)
  expectTyped(result, isUntold ? [...codes, 'IO_FAILED'] : codes, where)
  expect(leftoversIn(scene.directory), where).toEqual([])
  if (situation.operation === 'create') {
    expect(databaseFiles(scene), where).toBe(source)
    if (!result.success) {
      expect(storedIn(scene), where).toEqual(stored)
      if (isCounted) expect(freeBlocks(scene.path(disk)), where).toBe(before)
    }
  }
  await expectWhole(scene, situation, stored, result, where)
  tried.note(result)
  if (!result.success) await expectNextSucceeds(scene, situation, where)
}

async function performAt(scene: Scene, { situation, moment, take }: Attack): Promise<Result> {
  using disturbance = disturbAt(moment, take)
  return await perform(scene, situation, disturbance.onProgress)
}

function freeBlocks(directory: string): number {
  return statfsSync(directory).bfree
}
