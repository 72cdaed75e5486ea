/**
 * The crash matrix: one operation is crashed at one of its system calls, what it leaves is examined, and the
 * next run must succeed without anyone's help.
 */
import { join } from 'node:path'
import { orderFor } from '../crash/run-operation.ts'
import { BACKED_UP, leftoversIn, NOW, openScene, type Scene } from '../restore/scene.ts'
import { run } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { ERRORS } from '../../src/errors.ts'
import { runAgain, untilGroupEnded } from './matrix-aftermath.ts'
import { Disk, type FileSystem } from './matrix-disk.ts'
import { Holder } from './matrix-holder.ts'
import { IN_LOG, type Scenario } from './matrix-scenarios.ts'
import type { MutantName } from './mutate.ts'
import { argumentsFor } from './mutated.ts'
import { ACTIONS, problemsOfAudit } from './oracle-audit.ts'
import { type Before, lookBefore, lookBetween } from './oracle-before.ts'
import { examine } from './oracle.ts'
import { type Fault, runUnderShim, type SeenCall } from './shim.ts'

/** `kill`: of the process that makes the call; the others: a power cut of a disk with that file system. */
export type Crash = 'kill' | FileSystem

export interface Attack {
  readonly scenario: Scenario
  readonly engine: 'here' | 'process'
  readonly crash: Crash
  /** What is broken in the product on purpose, see mutate.ts. */
  readonly mutant?: MutantName
}

/** A call, counted from 1; right after the answer; or nowhere. */
export type Point = number | 'answer' | 'none'

export interface Struck {
  readonly point: Point
  /** Whether the operation got there. */
  readonly isHit: boolean
  /** The calls up to then. */
  readonly calls: readonly SeenCall[]
  readonly state: string
  readonly violations: readonly string[]
}

/** What an attack begins with: a scene that is copied for each point. */
export interface Start {
  readonly directory: string
  readonly before: Before
}

/** Where the scenes of an attack lie, one after another. Made within a running test, gone with it. */
export class Place {
  readonly scene: Scene
  readonly #disk: Disk | null

  constructor(crash: Crash) {
    this.#disk = crash === 'kill' ? null : new Disk(crash)
    this.scene = openScene(join(this.#disk?.mountPoint ?? temporaryDirectory(), 'scene'))
  }

  /** Puts a copy of the start there, flushed. */
  reset({ directory }: Start): void {
    layOut(directory, this.scene)
    if (this.#disk !== null) run('sync', ['--file-system', this.scene.directory])
  }

  fault(point: Point): Fault {
    const paths = [this.scene.directory]
    if (point === 'none') return { paths }
    if (this.#disk === null)
      return point === 'answer' ? { paths } : { paths, event: { kind: 'kill' }, at: point }
    const event = { kind: 'power', mountPoint: this.#disk.mountPoint } as const
    return point === 'answer' ? { paths, event, isAfterAnswer: true } : { paths, event, at: point }
  }

  /** Gives a disk its power again. */
  async recover(): Promise<void> {
    await this.#disk?.remount()
  }
}

/** Puts a copy of what an attack begins with where the scene is to be, in the place of what is there. */
export function layOut(start: string, { directory }: Scene): void {
  run('sh', ['-ec', 'rm -rf "$2"; cp -a "$1" "$2"', 'sh', start, directory])
}

export async function prepareStart(scenario: Scenario): Promise<Start> {
  const scene = openScene(join(temporaryDirectory(), 'scene'))
  run('mkdir', [scene.directory])
  await scenario.prepare(scene)
  return {
    directory: scene.directory,
    before: lookBefore(scene, { isUnreadable: scenario.isUnreadable === true, notes: scenario.notes ?? [] }),
  }
}

/** Crashes the operation at one point of a fresh copy of `start`, and says what is wrong afterwards. */
export async function strike(attack: Attack, start: Start, place: Place, point: Point): Promise<Struck> {
  const { scenario } = attack
  place.reset(start)
  await using holder = scenario.isOpen === true ? await Holder.open(place.scene.databasePath, IN_LOG) : null
  const before = holder === null ? start.before : lookBefore(place.scene, { isUnreadable: false })
  const seen = await crash(attack, place, point)
  const found = examine(place.scene, before, scenario.operation, seen.answer)
  // An engine that is killed while it notes a success has its host answer all the same: what was done stays done.
  const isNoted = seen.answer === 'success' && (attack.crash !== 'kill' || !seen.isHit)
  const violations = [
    ...seen.violations,
    ...found.violations,
    ...problemsOfAudit(place.scene, before.audit, isNoted ? ACTIONS[scenario.operation] : null),
    ...(holder === null
      ? []
      : await holder.problems(scenario.operation === 'restore' ? [NOW, BACKED_UP] : [NOW])),
    ...(await runAgain(scenario, place.scene, lookBetween(place.scene, before, found.state))),
    ...(holder === null ? [] : await holder.problems(scenario.operation === 'restore' ? [BACKED_UP] : [NOW])),
  ]
  return {
    point,
    isHit: seen.isHit,
    calls: seen.calls,
    state: found.state,
    violations: violations.map(at(point)),
  }
}

/** Crashes a fresh copy of `start` at a point and keeps what that leaves, as the start of another attack. */
export async function startAfterCrash(
  attack: Attack,
  start: Start,
  place: Place,
  point: Point,
): Promise<Start> {
  place.reset(start)
  const { answer, isHit } = await crash(attack, place, point)
  if (!isHit) throw new Error(`There was no call ${point} to crash at`)
  const { state } = examine(place.scene, start.before, attack.scenario.operation, answer)
  const directory = join(temporaryDirectory(), 'scene')
  run('cp', ['-a', place.scene.directory, directory])
  return { directory, before: lookBetween(place.scene, start.before, state) }
}

interface Seen {
  readonly isHit: boolean
  readonly calls: readonly SeenCall[]
  readonly answer: string
  readonly violations: readonly string[]
}

async function crash(attack: Attack, place: Place, point: Point): Promise<Seen> {
  const { scenario, engine, mutant } = attack
  const order = orderFor(place.scene, {
    ...scenario.order?.(place.scene),
    operation: scenario.operation,
    engine,
  })
  const ran = await runUnderShim(argumentsFor(order, mutant), place.fault(point))
  const hasEnded = await untilGroupEnded(ran.child.pid ?? -1)
  await place.recover()
  const answer = ran.stdout.split('\n').find(line => /^(success|failure)/.test(line)) ?? ''
  const isHit = point === 'answer' ? answer === 'success' : ran.calls.some(call => call.isHit)
  const hasEndedWell = answer !== '' || ran.signal === 'SIGKILL'
  return {
    isHit,
    calls: ran.calls,
    answer,
    violations: [
      ...(hasEnded ? [] : ['processes still ran long after the crash']),
      ...(hasEndedWell ? [] : [`it ended without an answer, with code ${ran.code}`]),
      ...(answer.startsWith('failure') ? problemsOfFailure(answer, isHit, attack, place.scene) : []),
      ...(ran.stderr === '' ? [] : [`it said on stderr: ${ran.stderr.slice(0, 500)}`]),
    ],
  }
}

function problemsOfFailure(
  failure: string,
  isHit: boolean,
  { engine, crash }: Attack,
  scene: Scene,
): string[] {
  const code = /^failure (\w+):/.exec(failure)?.[1] ?? ''
  if (!(code in ERRORS) || code === 'UNEXPECTED') return [`not a typed failure: ${failure}`]
  if (!isHit) return [`failed without a crash: ${failure}`]
  // An engine that lives to say that it failed has cleaned up.
  const hasCleanedUp = engine === 'here' && crash === 'kill'
  return hasCleanedUp ? leftoversIn(scene.directory).map(left => `${failure}, but it left ${left}`) : []
}

function at(point: Point): (violation: string) => string {
  return violation => `at ${point}: ${violation}`
}
