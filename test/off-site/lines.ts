/** What befalls backups on the way to a target and back, as tests of a kind of target whose server is at the far end of a line. */
import { cpSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect } from 'vitest'
import type { TargetConfig } from '../../src/config/targets.ts'
import type { Context } from '../../src/operations/context.ts'
import type { TargetSynced } from '../../src/operations/off-site-reports.ts'
import type { Progress, Step } from '../../src/operations/reports.ts'
import { restoreBackup } from '../../src/operations/restore-backup.ts'
import { syncTargets } from '../../src/operations/sync-targets.ts'
import { openTarget } from '../../src/storage/open-target.ts'
import { type Patience, RETRY_PORTS } from '../../src/storage/retry.ts'
import { sha256 } from '../storage/contents.ts'
import { keysOf, open, read } from '../storage/contract.ts'
import { type Line, LINE_NEEDS, openLine } from '../storage/line.ts'
import { canStart, remove, serverDirectory, until } from '../storage/servers/daemon.ts'
import { buildLedger, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { contextOf } from '../support/operation.ts'
import { backUp } from '../support/product.ts'
import { type Requirement, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

/** A new, empty place at the server. */
export interface FarPlace {
  /** Over the line. */
  readonly there: TargetConfig
  /** The same by a way that nothing befalls. */
  readonly beside: TargetConfig
}

export interface FarServer extends AsyncDisposable {
  place(): Promise<FarPlace>
  /** Ends, with every connection that it has. */
  stop(): Promise<void>
  start(): Promise<void>
}

export interface LineKind {
  readonly name: string
  readonly needs: readonly Requirement[]
  /** Of a backup so much is there while much is still to come. */
  readonly middleBytes: number
  readonly server: (line: Line) => Promise<FarServer>
}

/** More than the kernel of either end holds while a connection stands still. */
const LARGE_BYTES = 16_000_000
/** Three seconds on the slow line. */
const SMALL_BYTES = 1_250_000
/** Of a restore. */
const MIDDLE_BYTES = 1_000_000
/** When the backup is made, and when it is restored. */
const COMMITS = { before: 20, after: 25 }

/** As the product's own, in less time. */
const PATIENT: Patience = { firstDelayMs: 20, maxDelayMs: 200, deadlineMs: 20_000, idleMs: 5000 }
const IMPATIENT: Patience = { ...PATIENT, deadlineMs: 1000, idleMs: 500 }
/** Less than the small backup takes on the slow line. */
const SHORT: Patience = { ...PATIENT, deadlineMs: 2500, idleMs: 2000 }

interface Way {
  /** Default: {@link PATIENT} */
  readonly patience?: Patience
  /** Called once, in the middle. */
  readonly strike?: () => void
}

interface BackedUp {
  readonly directory: string
  readonly filename: string
  /** SHA-256 of the stored file. */
  readonly checksum: string
}

/** A database that has gone on since its backup was made. */
async function backedUp(sizeBytes: number): Promise<BackedUp> {
  const directory = serverDirectory()
  const path = join(directory, 'app.db')
  buildLedger(path, { commits: COMMITS.before })
  const connection = openDatabase(path)
  connection.exec(
    `CREATE TABLE ballast (content BLOB); INSERT INTO ballast VALUES (randomblob(${sizeBytes}))`,
  )
  const { filename, metadata } = await backUp(path, {}, { engine: 'here' })
  for (let commits = COMMITS.before; commits < COMMITS.after; commits++) commitToLedger(connection)
  connection.close()
  return { directory, filename, checksum: metadata.checksum }
}

interface Scene extends BackedUp {
  readonly path: (...parts: string[]) => string
  /** Copies the backup to the target. */
  sync(way?: Way): Promise<readonly TargetSynced[]>
  /** Restores it from there. */
  restore(to: string, way?: Way): Promise<void>
  /** The backup as somebody else finds it there. */
  stored(): Promise<{ keys: string[]; checksum: string }>
}

export function lineFaults({ name, needs, middleBytes, server }: LineKind): void {
  const all = [...needs, ...LINE_NEEDS]
  describe(`${name}, over a line`, () => {
    let line: Line
    let far: FarServer
    let backups: { readonly small: BackedUp; readonly large: BackedUp }

    beforeAll(async () => {
      if (!canStart(all)) return
      line = openLine()
      far = await server(line)
      backups = { small: await backedUp(SMALL_BYTES), large: await backedUp(LARGE_BYTES) }
    })
    afterAll(async () => {
      for (const { directory } of Object.values(backups ?? {})) remove(directory)
      await far?.[Symbol.asyncDispose]()
      line?.[Symbol.dispose]()
    })

    const it: Declare = (title, size, body) =>
      testWith(all, title, async () => {
        const scene = openScene(backups[size], await far.place(), middleBytes)
        try {
          await body(scene, { line, far })
          expect(sha256(readFileSync(scene.path('backups', 'manual', scene.filename)))).toBe(scene.checksum)
        } finally {
          line.mend()
        }
      })
    passing(it)
    lasting(it)
  })
}

type Declare = (
  title: string,
  size: 'small' | 'large',
  body: (scene: Scene, around: { readonly line: Line; readonly far: FarServer }) => Promise<void>,
) => void

function passing(it: Declare): void {
  for (const packets of [20, 5]) {
    it(`one packet of ${packets} is lost, and sent again`, 'small', async (scene, { line }) => {
      line.loseOneOf(packets)
      await thereAndBack(scene)
      expect(line.met()).toBeGreaterThan(0)
    })
  }

  it('a slow line is not a dead one', 'small', async (scene, { line }) => {
    line.slow({ there: '4mbit', back: '16mbit' })
    await thereAndBack(scene, { patience: SHORT })
  })

  it('connections that are reset in the middle are made anew', 'large', async (scene, { line }) => {
    await thereAndBack(scene, {
      async fault() {
        line.reset()
        await until(() => line.met() > 0)
        line.mend()
      },
    })
  })

  const gone = 'a server that vanishes without a word, and comes back, is found again'
  it(gone, 'large', async (scene, { line, far }) => {
    await thereAndBack(scene, {
      async fault() {
        line.silence()
        await far.stop()
        line.mend()
        await far.start()
      },
    })
  })
}

function lasting(it: Declare): void {
  const dead = 'a line that stays silent is given up, with nothing half there and nothing lost here'
  it(dead, 'large', async (scene, { line }) => {
    const way = { patience: IMPATIENT, strike: () => line.silence() }
    expect(await scene.sync(way)).toMatchObject([
      { status: 'failed', copied: [], failure: { code: 'TARGET_UNREACHABLE' } },
    ])
    expect((await scene.stored()).keys).toEqual([])
    line.mend()
    expect(await scene.sync()).toMatchObject([{ status: 'synced', copied: [scene.filename] }])
    expect((await scene.stored()).checksum).toBe(scene.checksum)

    const before = readdirSync(scene.path())
    const restore = scene.restore(scene.path('app.db'), way)
    await expect(restore).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' })
    expect(assertIntact(scene.path('app.db')).commits).toBe(COMMITS.after)
    expect(readdirSync(scene.path())).toEqual(before)
  })
}

function openScene(backup: BackedUp, place: FarPlace, middleBytes: number): Scene {
  const directory = temporaryDirectory()
  cpSync(backup.directory, directory, { recursive: true })
  const path = (...parts: string[]): string => join(directory, ...parts)
  const contextOn = ({ patience = PATIENT, strike }: Way, step: Step, atBytes: number): Context =>
    contextOf({
      path: path('app.db'),
      config: { targets: { far: place.there } },
      onProgress: onceAt(step, atBytes, strike),
      openTarget: name =>
        openTarget(name, place.there, {
          directory,
          environment: process.env,
          retry: { ...RETRY_PORTS, patience },
        }),
    })
  return {
    ...backup,
    path,
    async sync(way = {}) {
      return (await syncTargets({}, contextOn(way, 'copy-off-site', middleBytes))).targets
    },
    async restore(to, way = {}) {
      const request = { backup: backup.filename, target: 'far', confirm: true, to }
      await restoreBackup(request, contextOn(way, 'fetch-backup', MIDDLE_BYTES))
    },
    async stored() {
      await using target = await open({ config: place.beside })
      const keys = (await keysOf(target)).filter(key => !key.includes('.copying-'))
      const [image] = keys.filter(key => key.endsWith(backup.filename))
      return { keys, checksum: image === undefined ? '' : sha256(await read(target, image)) }
    },
  }
}

function onceAt(step: Step, bytes: number, strike?: () => void): (progress: Progress) => void {
  let isToCome = strike !== undefined
  return progress => {
    if (!isToCome || progress.step !== step || (progress.doneBytes ?? 0) < bytes) return
    isToCome = false
    strike?.()
  }
}

/** Copies the backup to the target and restores it from there, with something that happens in the middle of either. */
async function thereAndBack(
  scene: Scene,
  { patience = PATIENT, fault }: { patience?: Patience; fault?: () => Promise<void> } = {},
): Promise<void> {
  const faults: Promise<void>[] = []
  const way: Way = { patience, ...(fault === undefined ? {} : { strike: () => void faults.push(fault()) }) }
  expect(await scene.sync(way)).toMatchObject([{ status: 'synced', copied: [scene.filename] }])
  await Promise.all(faults)
  expect((await scene.stored()).checksum).toBe(scene.checksum)
  const to = scene.path('restored.db')
  await scene.restore(to, way)
  await Promise.all(faults)
  expect(faults).toHaveLength(fault === undefined ? 0 : 2)
  expect(sha256(readFileSync(to))).toBe(scene.checksum)
  expect(assertIntact(to).commits).toBe(COMMITS.before)
}
