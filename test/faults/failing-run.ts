/** An operation that is run again and again, each time with another call that fails; each run and the next are judged. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect } from 'vitest'
import { leftoversIn, type Scene } from '../restore/scene.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { examineFor, judge, withoutChance } from './failing-judge.ts'
import { type Failing, FailingProduct } from './failing-product.ts'
import type { Job } from './failing-worker.ts'
import { Place, prepareStart, type Start } from './matrix.ts'
import type { Scenario } from './matrix-scenarios.ts'
import { type Before, lookBetween } from './oracle-before.ts'
import type { SeenCall } from './shim.ts'

export interface Attacked {
  readonly scenario: Scenario
  readonly operation: Job['operation']
  readonly engine: 'here' | 'process'
}

export interface Looped {
  readonly failing: Failing
  /** The code, or `success`. */
  readonly result: string
  /** Whether there was such a call; without it nothing was judged. */
  readonly isHit: boolean
  readonly violations: readonly string[]
}

/** Short against a test's patience, long against the work of any of these operations. */
const WAIT_FOR_LOCK_MS = 2_000

/** One operation on one disk, which each run finds as it was prepared. */
export class Attack {
  readonly #start: Start
  readonly #place = new Place('kill')
  readonly #product: FailingProduct
  readonly #job: Job

  private constructor(attacked: Attacked, start: Start) {
    const { scene } = this.#place
    this.#start = start
    this.#product = new FailingProduct(scene.directory)
    this.#job = jobFor(attacked, scene, start)
  }

  static async prepare(attacked: Attacked): Promise<Attack> {
    return new Attack(attacked, await prepareStart(attacked.scenario))
  }

  /** All calls. Once to start all processes, then once more: from then on nothing is opened for the first time. */
  async runUndisturbed(): Promise<readonly SeenCall[]> {
    this.#place.reset(this.#start)
    await this.#product.run(this.#job)
    this.#place.reset(this.#start)
    const { answer, calls } = await this.#product.run(this.#job)
    expect(answer).toMatchObject({ success: true })
    return calls
  }

  async runFailing(failing: Failing): Promise<Looped> {
    const { scene } = this.#place
    const { before } = this.#start
    this.#place.reset(this.#start)
    const outcome = await this.#product.run(this.#job, failing)
    const hit = outcome.calls.find(({ isHit }) => isHit)
    if (hit === undefined) return { failing, result: '', isHit: false, violations: [] }
    const { result, state, violations } = judge(scene, before, this.#job.operation, failing, outcome)
    const next = await this.#problemsOfNext(lookBetween(scene, before, state), state)
    const { errno, isSticky, at } = failing
    const where = `${errno} at ${hit.call} number ${at}${isSticky ? ' and on' : ''} (${hit.path})`
    return {
      failing,
      result,
      isHit: true,
      violations: [...violations, ...next].map(violation => withoutChance(`${where}: ${violation}`, scene)),
    }
  }

  /** The next run succeeds as if nothing had been, and leaves nothing. */
  async #problemsOfNext(between: Before, state: string): Promise<string[]> {
    const { scene } = this.#place
    const { operation } = this.#job
    // What is there is never overwritten by an import, and was found to be whole.
    if (operation === 'import' && state === 'complete') return []
    const { answer } = await this.#product.run(this.#job)
    if (answer?.success !== true) return [`the next run: ${answer?.code}: ${answer?.message}`]
    const { violations } = examineFor(scene, between, operation, 'success')
    const isCleaning = ['create', 'restore', 'export', 'import'].includes(operation)
    const left = isCleaning ? leftoversIn(scene.directory).map(path => `left behind: ${path}`) : []
    return [...violations, ...left].map(violation => `after the next run: ${violation}`)
  }
}

function jobFor({ operation, engine, scenario }: Attacked, scene: Scene, { directory }: Start): Job {
  const { databasePath, backupDir } = scene
  const order = scenario.order?.(scene) ?? {}
  const told =
    order.config === undefined ? {} : readJson(join(directory, relative(scene.directory, order.config)))
  // Beside the scene, so that nothing of it fails.
  const config = join(temporaryDirectory(), 'chame-backup.config.json')
  writeFileSync(config, JSON.stringify({ ...told, waitForLockMs: WAIT_FOR_LOCK_MS }))
  return { operation, order, options: { path: databasePath, backupDir, engine, config } }
}

export function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
}
