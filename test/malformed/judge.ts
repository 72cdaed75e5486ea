/** What the product makes of a malformed database: every operation that reads one, and in one line how each ended. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type BackupCreated,
  type BackupVerified,
  Database,
  type Failure,
  type RestorePlan,
} from '../../src/index.ts'
import type { MalformedImage } from './images.ts'

/** An operation that has not ended by then hangs: thousands of times what the slowest image takes. */
const DEADLINE_MS = 60_000

type Created = BackupCreated | Failure
type Verified = BackupVerified | Failure

export interface Judgement {
  readonly quick: Created
  readonly full: Created
  /** With check `none`: the image as it was read, good or bad. */
  readonly none: Created
  /** Of what was stored without a check; else of the file itself, as if it were a backup. */
  readonly verified: { readonly quick: Verified; readonly full: Verified }
  readonly planned: RestorePlan | Failure
  /** The stored image, where one was. */
  readonly image: Buffer | null
  /** What must never be, whatever the image is. Empty for a product that keeps its word. */
  readonly broken: readonly string[]
}

/** A place for one image at a time, and the product beside it. The engine and its SQLite process are reused. */
export class Judge {
  readonly #directory: string
  readonly #path: string
  readonly #database: Database

  constructor(directory: string) {
    this.#directory = directory
    this.#path = join(directory, 'image.db')
    // Disposable: no fsync, which nothing here depends on. Every check is the same.
    this.#database = new Database({
      path: this.#path,
      backupDir: join(directory, 'backups'),
      config: quickToGiveUp(directory),
      disposable: true,
    })
  }

  async judge(image: MalformedImage): Promise<Judgement> {
    const files = this.#put(image)
    const quick = await this.#create('quick')
    if (quick.success) this.#forget(quick)
    const full = await this.#create('full')
    if (full.success) this.#forget(full)
    const none = await this.#create('none')
    const changed = this.#changedSince(files)
    const stored = none.success ? none.backupPath : this.#path
    // A file with something beside it is no backup, and would not be looked at.
    if (!none.success) this.#put({ id: image.id, bytes: image.bytes })
    const verified = {
      quick: await inTime('verify', this.#database.verifyBackup(stored, { check: 'quick' })),
      full: await inTime('verify', this.#database.verifyBackup(stored, { check: 'full' })),
    }
    const planned = await inTime(
      'plan',
      this.#database.restoreBackup(stored, { to: join(this.#directory, 'elsewhere.db'), dryRun: true }),
    )
    const bytes = none.success ? readFileSync(none.backupPath) : null
    if (none.success) this.#forget(none)
    const judged = { quick, full, none, verified, planned: planned as RestorePlan | Failure, image: bytes }
    return { ...judged, broken: [...brokenIn(judged), ...changed] }
  }

  #put({ bytes, wal, journal }: MalformedImage): Map<string, Buffer> {
    const files = new Map([['', bytes]])
    if (wal !== undefined) files.set('-wal', wal)
    if (journal !== undefined) files.set('-journal', journal)
    for (const suffix of ['', '-wal', '-shm', '-journal']) {
      const content = files.get(suffix)
      rmSync(`${this.#path}${suffix}`, { force: true })
      if (content !== undefined) writeFileSync(`${this.#path}${suffix}`, content)
    }
    return files
  }

  #create(check: 'quick' | 'full' | 'none'): Promise<Created> {
    return inTime('create', this.#database.createBackup({ check }))
  }

  /** A backup that is left would only make the next one look longer for a free name. */
  #forget({ backupPath, filename }: BackupCreated): void {
    rmSync(backupPath)
    rmSync(join(this.#directory, 'backups', 'metadata', `${filename}.json`))
  }

  /** The source stays as it is. A `-shm`, which SQLite makes anew from the WAL at any time, does not count. */
  #changedSince(files: Map<string, Buffer>): string[] {
    const stays = [...files].flatMap(([suffix, content]) => {
      const path = `${this.#path}${suffix}`
      const isSame = existsSync(path) && readFileSync(path).equals(content)
      return isSame ? [] : [`the source's file image.db${suffix} was changed`]
    })
    const added = ['-wal', '-journal'].filter(
      suffix => !files.has(suffix) && existsSync(`${this.#path}${suffix}`),
    )
    return [...stays, ...added.map(suffix => `a file image.db${suffix} was left beside the source`)]
  }
}

/** In one line, what came of each operation: codes, never SQLite's wording. */
export function classOf({ quick, full, none, verified, planned }: Judgement): string {
  return [
    `quick ${createdClass(quick)}`,
    `full ${createdClass(full)}`,
    `none ${createdClass(none)}`,
    `verify quick ${verifiedClass(verified.quick)}`,
    `verify full ${verifiedClass(verified.full)}`,
    `restore ${planned.success ? 'planned' : planned.code}`,
  ].join(', ')
}

function createdClass(created: Created): string {
  if (!created.success) return created.code
  const unchecked = created.metadata.unchecked === undefined ? '' : ' in part'
  return `stored${unchecked} (${created.snapshotWay})`
}

function verifiedClass(verified: Verified): string {
  if (!verified.success) return verified.code
  const unchecked = verified.unchecked.length === 0 ? '' : ' in part'
  const codes = [...new Set(verified.problems.map(({ code }) => code))].toSorted()
  return `${verified.status}${unchecked}${codes.length === 0 ? '' : ` ${codes.join('+')}`}`
}

/** Codes that say that the product itself failed, or that tell a lie about a file that holds still. */
const NEVER: ReadonlySet<string> = new Set([
  'UNEXPECTED',
  'ENGINE_FAILED',
  'DATABASE_CHANGING',
  'DATABASE_LOCKED',
  'CATALOG_LOCKED',
  'INSUFFICIENT_SPACE',
  'PERMISSION_DENIED',
  'READ_ONLY',
  'CANCELLED',
])

type Judged = Omit<Judgement, 'broken'>

function brokenIn({ quick, full, none, verified, planned, image }: Judged): string[] {
  const broken: string[] = []
  const results = { quick, full, none, planned, 'verify quick': verified.quick, 'verify full': verified.full }
  for (const [what, result] of Object.entries(results)) {
    if (!result.success) broken.push(...brokenFailure(result).map(problem => `${what}: ${problem}`))
  }
  if (none.success && image !== null) {
    const checksum = createHash('sha256').update(image).digest('hex')
    if (none.metadata.checksum !== checksum) broken.push('the recorded checksum is not the stored file’s')
    if (none.metadata.file_size !== image.length) broken.push('the recorded size is not the stored file’s')
    if (none.metadata.verified_at !== null) broken.push('what was not checked is called verified')
  }
  // The same bytes, the same check: a backup that was called checked must be verified, and the other way round.
  for (const [level, created] of [
    ['quick', quick],
    ['full', full],
  ] as const) {
    const now = verified[level]
    const isIntact = now.success && now.status === 'intact'
    if (none.success && created.success !== isIntact) broken.push(`create and verify disagree at ${level}`)
  }
  return broken
}

/** What is wrong with a failure, whatever it is of. */
export function brokenFailure({ code, message, hint }: Failure): string[] {
  return [
    ...(NEVER.has(code) ? [`${code}: ${message}`] : []),
    ...(/\n\s+at /.test(message) ? [`a stack trace: ${message}`] : []),
    ...(hint === undefined ? [`no hint with ${code}`] : []),
  ]
}

export async function inTime<T>(what: string, work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(
    () => reject(new Error(`${what} hangs: no answer after ${DEADLINE_MS} ms`)),
    DEADLINE_MS,
  )
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

export function quickToGiveUp(directory: string): string {
  const config = join(directory, 'chame-backup.config.json')
  writeFileSync(config, JSON.stringify({ waitForLockMs: 2_000 }))
  return config
}
