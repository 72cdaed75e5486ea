/** The harness's own instrument: what the shim does not see is never attacked. */
import { expect } from 'vitest'
import { OPERATION, orderFor } from '../crash/run-operation.ts'
import { type Call, fromAndTo, pathOf, readTrace, straceTo, writtenBy } from '../crash/trace.ts'
import { backUpThenChange, openScene } from '../restore/scene.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { runUnderShim, SHIM_NEEDS } from './shim.ts'

testWith(
  [...SHIM_NEEDS, 'strace'],
  'the shim sees every call by which a backup or a restore changes something',
  async () => {
    for (const operation of ['create', 'restore'] as const) {
      const scene = openScene()
      await backUpThenChange(scene)
      const trace = `${temporaryDirectory()}/trace`
      const order = orderFor(scene, { operation, engine: 'process' })
      const run = await runUnderShim([OPERATION, order], { paths: [scene.directory] }, straceTo(trace))
      expect(run.stdout).toContain('success')

      const seen = run.calls.filter(({ call }) => KIND_IN_SHIM[call] !== undefined)
      const traced = readTrace(trace).flatMap(call => changeBelow(scene.directory, call))
      expect(traced.length).toBeGreaterThan(20)
      expect(seen.map(({ call, path }) => `${KIND_IN_SHIM[call]} ${path}`).toSorted()).toEqual(
        traced.toSorted(),
      )
    }
  },
)

/** What the shim calls the kinds below. It also sees calls that fail; those it is not asked about. */
const KIND_IN_SHIM: Readonly<Record<string, string>> = {
  write: 'write',
  ftruncate64: 'write',
  fsync: 'flush',
  fdatasync: 'flush',
  rename: 'rename',
  link: 'rename',
}

const KIND_IN_TRACE: Readonly<Record<string, string>> = {
  fsync: 'flush',
  fdatasync: 'flush',
  rename: 'rename',
  renameat: 'rename',
  renameat2: 'rename',
  link: 'rename',
  linkat: 'rename',
}

function changeBelow(directory: string, call: Call): string[] {
  const kind = KIND_IN_TRACE[call.name] ?? (writtenBy(call) === null ? null : 'write')
  if (kind === null) return []
  const path = writtenBy(call) ?? (kind === 'rename' ? fromAndTo(call)[1] : pathOf(call))
  return path.startsWith(`${directory}/`) || path === directory ? [`${kind} ${path}`] : []
}
