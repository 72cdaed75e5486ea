/** The harness's own instrument: every kind of call that it can break is counted once, and breaks as it was told. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { CONTENT, STEPS } from './every-call.ts'
import { quickDisk } from './failing-disk.ts'
import {
  CALLS,
  type CallGroup,
  type Event,
  type Run,
  runUnderShim,
  type SeenCall,
  SHIM_NEEDS,
} from './shim.ts'

const PROGRAM = fileURLToPath(new URL('./every-call.ts', import.meta.url))

quickDisk()

interface Broken extends Run {
  readonly directory: string
  /** What came of each step; null when it was killed. */
  readonly outcomes: Readonly<Record<string, number | string>> | null
}

async function run(event?: Event, at = 0, calls?: readonly CallGroup[]): Promise<Broken> {
  const directory = temporaryDirectory()
  for (const name of Object.keys(STEPS)) {
    mkdirSync(join(directory, name, 'd'), { recursive: true })
    mkdirSync(join(directory, name, 't'))
    for (const file of ['x', 't/x']) writeFileSync(join(directory, name, file), CONTENT)
  }
  const fault = {
    paths: [directory],
    ...(event === undefined ? {} : { event, at }),
    ...(calls === undefined ? {} : { calls }),
  }
  const ran = await runUnderShim([PROGRAM, directory], fault)
  const outcomes = ran.stdout === '' ? null : (JSON.parse(ran.stdout) as Broken['outcomes'])
  return { ...ran, directory, outcomes }
}

/** Which of the calls, counted from 1, is that of the step; 0 when there is none. */
function callOf(step: string, { calls, directory }: Broken): number {
  return 1 + calls.findIndex(call => call.call === STEPS[step]?.call && isOf(step, call, directory))
}

function isOf(step: string, { path }: SeenCall, directory: string): boolean {
  return path === join(directory, step) || path.startsWith(`${join(directory, step)}/`)
}

test('there is a step for every kind of call that the shim can break', () => {
  const known = new Set<string>(Object.values(CALLS).flat())
  expect(new Set(Object.values(STEPS).map(({ call }) => call))).toEqual(known)
})

testWith(
  SHIM_NEEDS,
  'each call fails alone, with the error that was asked for, and leaves everything as it was',
  async () => {
    const undisturbed = await run()
    const { outcomes } = undisturbed
    for (const [name, step] of Object.entries(STEPS)) {
      const at = callOf(name, undisturbed)
      expect(at, `${name} is seen`).toBeGreaterThan(0)
      const broken = await run({ kind: 'fail', errno: 'EIO', isSticky: false }, at)
      expect(broken.outcomes, name).toEqual({ ...outcomes, [name]: step.failsAs ?? 'EIO' })
      const hits = broken.calls.filter(({ isHit }) => isHit)
      expect(hits, name).toMatchObject([{ call: step.call }])
      expect(hits.every(hit => isOf(name, hit, broken.directory))).toBe(true)
      for (const file of ['x', 't/x'])
        expect(readFileSync(join(broken.directory, name, file), 'utf8'), name).toBe(CONTENT)
      expect(existsSync(join(broken.directory, name, 'd')), name).toBe(true)
      for (const made of ['y', 'e', ...(step.call === 'close' ? [] : ['new'])])
        expect(existsSync(join(broken.directory, name, made)), `${name}: ${made}`).toBe(false)
    }
  },
)

testWith(SHIM_NEEDS, 'from then on every call of the group fails, and none of another', async () => {
  for (const group of Object.keys(CALLS) as CallGroup[]) {
    const undisturbed = await run(undefined, 0, [group])
    const broken = await run({ kind: 'fail', errno: 'EROFS', isSticky: true }, 1, [group])
    const names = Object.keys(STEPS)
    const ofGroup = names.filter(name =>
      (CALLS[group] as readonly string[]).includes(STEPS[name]?.call ?? ''),
    )
    const failed = names.filter(name => broken.outcomes?.[name] !== undisturbed.outcomes?.[name])
    expect(failed, group).toEqual(expect.arrayContaining(ofGroup))
    // Others fail only where they make such a call as well, as who opens a file to write it.
    const isStruck = (name: string): boolean => broken.calls.some(call => isOf(name, call, broken.directory))
    expect(
      failed.filter(name => !isStruck(name)),
      group,
    ).toEqual([])
    expect(undisturbed.calls.filter(({ isHit }) => isHit)).toEqual([])
    expect(broken.calls.every(({ isHit }) => isHit)).toBe(true)
  }
})

testWith(SHIM_NEEDS, 'a short transfer does half, and says so', async () => {
  const transfers = Object.entries(STEPS).filter(([, { call }]) => call === 'read' || call === 'write')
  const { outcomes, calls, directory } = await run({ kind: 'short', isSticky: true }, 1, ['read', 'write'])
  for (const [name, { call }] of transfers) {
    const own = calls.filter(each => each.call === call && isOf(name, each, directory))
    expect(
      own.every(({ isHit }) => isHit),
      name,
    ).toBe(true)
    // Node goes on writing until all is there, and hands over what it has read.
    if (call === 'read') expect(outcomes?.[name], name).toBe(CONTENT.length / 2)
    else expect(own.length, name).toBeGreaterThan(1)
  }
})

testWith(SHIM_NEEDS, 'a process is killed before the call is made, and makes none after it', async () => {
  const undisturbed = await run()
  for (const name of ['make', 'write', 'rename', 'unlink', 'rmdir']) {
    const at = callOf(name, undisturbed)
    const killed = await run({ kind: 'kill' }, at)
    expect(killed.signal, name).toBe('SIGKILL')
    expect(killed.calls, name).toHaveLength(at)
    expect(killed.calls.at(-1), name).toMatchObject({ call: STEPS[name]?.call, isHit: true })
    expect(readFileSync(join(killed.directory, name, 'x'), 'utf8'), name).toBe(CONTENT)
    expect(existsSync(join(killed.directory, name, 'd')), name).toBe(true)
    expect(existsSync(join(killed.directory, name, 'new')), name).toBe(false)
  }
})

testWith(SHIM_NEEDS, 'a process that is stopped at a call makes it once it goes on', async () => {
  const at = callOf('rename', await run())
  let seen = 0
  const stopped = await run({ kind: 'stop', meanwhile: () => seen++ }, at)
  expect(seen).toBe(1)
  expect(stopped.outcomes?.['rename']).toBe('done')
  expect(existsSync(join(stopped.directory, 'rename', 'y'))).toBe(true)
})
