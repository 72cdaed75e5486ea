/**
 * Power cuts of a disk that writes in whichever order it likes between two flushes: an operation runs to its answer on
 * one that writes down what it is told; of that, disks are made as a cut at any moment may have left them, and each is
 * examined as after any other crash.
 */
import { join } from 'node:path'
import { orderFor } from '../crash/run-operation.ts'
import { openScene, type Scene } from '../restore/scene.ts'
import { SEED, randomFrom } from './extent.ts'
import { type Attack, layOut, prepareStart, type Start, type Struck } from './matrix.ts'
import { runAgain, untilGroupEnded } from './matrix-aftermath.ts'
import type { FileSystem } from './matrix-disk.ts'
import { argumentsFor } from './mutated.ts'
import { ACTIONS, problemsOfAudit } from './oracle-audit.ts'
import { lookBetween } from './oracle-before.ts'
import { firstLine } from './oracle-stored.ts'
import { examine } from './oracle.ts'
import { RecordingDisk } from './recording-disk.ts'
import { lasting, moments, type Told, type Write } from './reordered-writes.ts'
import { runUnderShim } from './shim.ts'

export interface ReorderedAttack extends Attack {
  readonly crash: FileSystem
  /** Of the file system, as mount(8) has them. */
  readonly options?: readonly string[]
}

/** How many disks are made: of cuts at some moment, and right after the answer. */
export interface Cuts {
  readonly before: number
  readonly after: number
}

export interface Reordered {
  readonly struck: readonly Struck[]
  /** How often the disk was written to, and told to flush. */
  readonly writes: number
  readonly flushes: number
}

export async function strikeReordered(attack: ReorderedAttack, { before, after }: Cuts): Promise<Reordered> {
  const { scenario, crash, options } = attack
  const start = await prepareStart(scenario)
  const disk = await RecordingDisk.make(crash, options)
  const scene = openScene(join(disk.mountPoint, 'scene'))
  layOut(start.directory, scene)
  disk.beginRecording()
  const told = await recordUntilAnswer(attack, disk, scene)
  const random = randomFrom(SEED)
  const struck: Struck[] = []
  const answered = Array.from({ length: after }, () => 'answer' as const)
  for (const moment of [...moments(told, before, random), ...answered]) {
    const writes = lasting(told, moment === 'answer' ? told.length : moment, random)
    struck.push(await examineMade({ attack, start, disk, scene, moment, writes }))
  }
  const flushes = told.filter(each => each === 'flush').length
  return { struck, flushes, writes: told.length - flushes }
}

/** The file system is shut down in the instant of the answer, so that the disk is told nothing after it. */
async function recordUntilAnswer(
  { scenario, engine, mutant }: Attack,
  disk: RecordingDisk,
  scene: Scene,
): Promise<readonly Told[]> {
  const order = orderFor(scene, { ...scenario.order?.(scene), operation: scenario.operation, engine })
  const { mountPoint } = disk
  const ran = await runUnderShim(argumentsFor(order, mutant), {
    paths: [scene.directory],
    event: { kind: 'power', mountPoint },
    isAfterAnswer: true,
  })
  const hasEnded = ran.child.pid !== undefined && (await untilGroupEnded(ran.child.pid))
  if (!hasEnded || !ran.stdout.includes('success\n')) {
    throw new Error(`${scenario.name} did not come to its answer: ${ran.stdout}${ran.stderr}`)
  }
  const told = disk.recorded()
  await disk.unmount()
  return told
}

interface Made {
  readonly attack: ReorderedAttack
  readonly start: Start
  readonly disk: RecordingDisk
  readonly scene: Scene
  /** When the power goes: after so many of what the disk was told, or right after the answer. */
  readonly moment: number | 'answer'
  readonly writes: readonly Write[]
}

async function examineMade(made: Made): Promise<Struck> {
  const { disk, moment, writes } = made
  const struck = { point: moment, isHit: true, calls: [] }
  try {
    disk.mountWith(writes)
  } catch (error) {
    return { ...struck, state: 'no file system', violations: [`at ${moment}: ${firstLine(error)}`] }
  }
  try {
    const { state, violations } = await examineMounted(made)
    return { ...struck, state, violations: violations.map(violation => `at ${moment}: ${violation}`) }
  } finally {
    await disk.unmount()
  }
}

async function examineMounted({
  attack,
  start,
  scene,
  moment,
}: Made): Promise<Pick<Struck, 'state' | 'violations'>> {
  const { scenario } = attack
  const { before } = start
  const answer = moment === 'answer' ? 'success' : ''
  const found = examine(scene, before, scenario.operation, answer)
  const promised = answer === 'success' ? ACTIONS[scenario.operation] : null
  const violations = [...found.violations, ...problemsOfAudit(scene, before.audit, promised)]
  if (violations.length > 0) return { state: found.state, violations }
  return {
    state: found.state,
    violations: await runAgain(scenario, scene, lookBetween(scene, before, found.state)),
  }
}
