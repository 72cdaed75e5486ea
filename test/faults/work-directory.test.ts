/** Others make, lock and remove directories in the same place, at the worst moments: stopped at one call, and they act. */
import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { type Fault, runUnderShim, SHIM_NEEDS } from './shim.ts'

const MODULE = new URL('../../src/catalog/work-directory.ts', import.meta.url).href
const OPEN = `
  import { existsSync } from 'node:fs'
  import { basename } from 'node:path'
  const { WorkDirectory } = await import(${JSON.stringify(MODULE)})
  await using work = await WorkDirectory.open(process.argv[1], new AbortController().signal)
  console.log(basename(work.path))
  if (!existsSync(work.path)) console.error('It is not there')
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

testWith(
  SHIM_NEEDS,
  'an abandoned directory is out of everybody’s way before anything in it is removed',
  async () => {
    const directory = temporaryDirectory()
    for (const name of LEFT) mkdirSync(join(directory, name))
    const seen: string[][] = []
    const run = await runUnderShim(['--input-type=module', '--eval', OPEN, directory], {
      paths: [directory],
      calls: ['name'],
      at: 1,
      event: { kind: 'stop', meanwhile: () => void seen.push(readdirSync(directory)) },
    })
    expect(run.stderr).toBe('')
    expect(run.calls.find(({ isHit }) => isHit)?.call).toMatch(/^(?:unlink|rmdir)/)
    // The first is being removed, and called otherwise; the second is still to come.
    expect(seen).toHaveLength(1)
    expect(seen[0]).toHaveLength(LEFT.length)
    expect(seen[0]?.filter(name => LEFT.includes(name))).toHaveLength(1)
    expect(filesBelow(directory)).toEqual([])
  },
)

testWith(SHIM_NEEDS, 'one that is taken away while its lock is taken is made anew', async () => {
  const directory = temporaryDirectory()
  const elsewhere = temporaryDirectory()
  const args = ['--input-type=module', '--eval', OPEN, directory]
  const looking = { paths: [directory], calls: ['open', 'read'] } as const
  const { calls } = await runUnderShim(args, looking)
  const moments = calls.flatMap(({ path }, index) => (path.endsWith(LOCK_FILE) ? [index + 1] : []))
  expect(moments.length).toBeGreaterThan(2)
  // The first makes the file; from then on SQLite has it open, or is about to.
  for (const at of moments.slice(1)) {
    const taken: string[] = []
    const meanwhile = (): void => {
      for (const name of readdirSync(directory)) {
        taken.push(name)
        renameSync(join(directory, name), join(elsewhere, name))
      }
    }
    const event = { kind: 'stop', meanwhile } as const
    const run = await runUnderShim(args, { ...looking, at, event })
    expect(run.stderr).toBe('')
    expect(taken).toHaveLength(1)
    expect(taken).not.toContain(run.stdout.trim())
  }
})
