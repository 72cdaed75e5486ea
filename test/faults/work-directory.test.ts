/** Others make, lock and remove directories in the same place, at the worst moments: stopped at one call, and they act. */
import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { type Fault, runUnderShim, SHIM_NEEDS } from './shim.ts'

const MODULE = new URL('../../src/catalog/work-directory.ts', import.meta.url).href
const OPEN = `
  import { basename } from 'node:path'
  const { WorkDirectory } = await import(${JSON.stringify(MODULE)})
  await using work = await WorkDirectory.open(process.argv[1], new AbortController().signal)
  console.log(basename(work.path))
`
const LOCK_FILE = '.chame-backup.lock'

/** What killed runs have left. */
const LEFT: readonly string[] = ['.chame-work-00000000000a', '.chame-work-00000000000b']

interface Moment {
  readonly directory: string
  /** The directories that are there already. */
  readonly left?: readonly string[]
  /** Called for each directory that is there when the first lock file is about to be made. */
  readonly meanwhile: (path: string) => void
}

/** Opens a work directory, and closes it; returns its name. */
async function openWhile({ directory, left = [], meanwhile }: Moment): Promise<string> {
  const open = async (event?: Partial<Fault>): ReturnType<typeof runUnderShim> => {
    for (const name of left) mkdirSync(join(directory, name))
    const args = ['--input-type=module', '--eval', OPEN, directory]
    const run = await runUnderShim(args, { paths: [directory], calls: ['open'], ...event })
    expect(run.stderr).toBe('')
    return run
  }
  const { calls } = await open()
  const at = 1 + calls.findIndex(({ path }) => path.endsWith(LOCK_FILE))
  const disturb = (): void => {
    for (const name of readdirSync(directory)) meanwhile(join(directory, name))
  }
  const disturbed = await open({ at, event: { kind: 'stop', meanwhile: disturb } })
  expect(disturbed.calls.find(({ isHit }) => isHit)?.path).toContain(LOCK_FILE)
  return disturbed.stdout.trim()
}

testWith(
  SHIM_NEEDS,
  'a directory that somebody takes for abandoned before it is locked is made anew',
  async () => {
    const directory = temporaryDirectory()
    const taken: string[] = []
    const meanwhile = (path: string): void => {
      taken.push(basename(path))
      rmSync(path, { recursive: true })
    }
    const name = await openWhile({ directory, meanwhile })
    expect(taken).toHaveLength(1)
    expect(taken).not.toContain(name)
    expect(filesBelow(directory)).toEqual([])
  },
)

testWith(SHIM_NEEDS, 'so is one that somebody has locked to remove it', async () => {
  const directory = temporaryDirectory()
  const taken: string[] = []
  const meanwhile = (path: string): void => {
    taken.push(basename(path))
    const lock = new DatabaseSync(join(path, LOCK_FILE))
    onTestFinished(() => lock.close())
    lock.exec('BEGIN EXCLUSIVE')
  }
  const name = await openWhile({ directory, meanwhile })
  expect(taken).toHaveLength(1)
  expect(taken).not.toContain(name)
})

testWith(SHIM_NEEDS, 'what somebody else removes in the meantime is in nobody’s way', async () => {
  const directory = temporaryDirectory()
  const meanwhile = (path: string): void => rmSync(path, { recursive: true })
  expect(await openWhile({ directory, left: LEFT, meanwhile })).toMatch(/^\.chame-work-/)
  expect(filesBelow(directory)).toEqual([])
})
