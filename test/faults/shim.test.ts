/** The harness's own instrument: what the shim does not see is never attacked. */
import { mkdirSync } from 'node:fs'
import { expect } from 'vitest'
import { OPERATION, orderFor } from '../crash/run-operation.ts'
import { type Call, fromAndTo, pathOf, readTrace, straceTo, writtenBy } from '../crash/trace.ts'
import { openScene } from '../restore/scene.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { isFull, select } from './extent.ts'
import { SCENARIOS, type Scenario } from './matrix-scenarios.ts'
import { STORED_SCENARIOS } from './matrix-stored-scenarios.ts'
import { runUnderShim, SHIM_NEEDS } from './shim.ts'

const { createWal, restoreWal, exportCsv, exportParquet, importSql, cleanup } = SCENARIOS
const { createBlocksNext, createCopied, convertZstd, convertBlocks, cleanupBlocks, drill, sync } =
  STORED_SCENARIOS

const OTHERS: readonly Scenario[] = [
  cleanupBlocks,
  createBlocksNext,
  createCopied,
  convertZstd,
  convertBlocks,
  exportCsv,
  exportParquet,
  importSql,
  cleanup,
  drill,
  sync,
]

for (const scenario of [createWal, restoreWal, ...select(OTHERS, 2)]) {
  testWith(
    [...SHIM_NEEDS, 'strace'],
    `the shim sees every call by which an operation changes something (${scenario.name})`,
    () => compareWithTrace(scenario),
    isFull ? 300_000 : 120_000,
  )
}

async function compareWithTrace(scenario: Scenario): Promise<void> {
  const scene = openScene()
  mkdirSync(scene.directory, { recursive: true })
  await scenario.prepare(scene)
  const trace = `${temporaryDirectory()}/trace`
  const { operation } = scenario
  const order = orderFor(scene, { ...scenario.order?.(scene), operation, engine: 'process' })
  const run = await runUnderShim([OPERATION, order], { paths: [scene.directory] }, straceTo(trace))
  expect(run.stdout).toContain('success')

  const seen = run.calls.flatMap(({ call, path }) =>
    KIND_IN_SHIM[call] === undefined ? [] : [`${KIND_IN_SHIM[call]} ${path}`],
  )
  const traced = readTrace(trace).flatMap(call => changeBelow(scene.directory, call))
  expect(traced.length).toBeGreaterThan(10)
  expect(seen.filter(isOfContent).toSorted()).toEqual(traced.filter(isOfContent).toSorted())
  expect(lackingIn(seen, traced)).toEqual([])
}

/** What the shim calls the kinds below. */
const KIND_IN_SHIM: Readonly<Record<string, string>> = {
  write: 'write',
  ftruncate64: 'write',
  fsync: 'flush',
  fdatasync: 'flush',
  rename: 'rename',
  link: 'rename',
  mkdir: 'make',
  create: 'open',
  make: 'open',
  unlink: 'remove',
  unlinkat: 'remove',
  rmdir: 'remove',
  chmod: 'mode',
  fchmod: 'mode',
  chown: 'mode',
  fchown: 'mode',
}

const KIND_IN_TRACE: Readonly<Record<string, string>> = {
  fsync: 'flush',
  fdatasync: 'flush',
  rename: 'rename',
  renameat: 'rename',
  renameat2: 'rename',
  link: 'rename',
  linkat: 'rename',
  mkdir: 'make',
  mkdirat: 'make',
  unlink: 'remove',
  unlinkat: 'remove',
  rmdir: 'remove',
  chmod: 'mode',
  fchmod: 'mode',
  chown: 'mode',
  fchown: 'mode',
}

/** These never fail here. Of names the shim also sees those that are there already, or no more; strace is not asked. */
function isOfContent(change: string): boolean {
  return /^(write|flush|rename) /.test(change)
}

function lackingIn(seen: readonly string[], traced: readonly string[]): string[] {
  const left = [...seen]
  return traced.filter(change => {
    const at = left.indexOf(change)
    if (at !== -1) left.splice(at, 1)
    return at === -1
  })
}

function changeBelow(directory: string, call: Call): string[] {
  const isMaking = call.name === 'openat' && call.args.includes('O_CREAT')
  const written = writtenBy(call)
  const kind = isMaking ? 'open' : (KIND_IN_TRACE[call.name] ?? (written === null ? null : 'write'))
  if (kind === null) return []
  const path = written ?? (kind === 'rename' ? fromAndTo(call)[1] : pathOf(call))
  return path.startsWith(`${directory}/`) || path === directory ? [`${kind} ${path}`] : []
}
