/** Drives a soak: several operations at a time and faults, all drawn from a seed, and what must be true of each. */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LOG_ROWS_MAX } from '../support/ledger.ts'
import { isRoot } from '../support/requirements.ts'
import { Cast, type Door, DOORS } from './soak-cast.ts'
import { now } from './soak-clock.ts'
import { Excuses, fillDisk, processesOf, stopFor, takePermission } from './soak-faults.ts'
import type { Answer, Operation, Order } from './soak-host.ts'
import { Holding } from './soak-holding.ts'
import { backupsOf, idOf, KEPT, type Protected, type World } from './soak-world.ts'
import { recordedOf, type StoredBackup } from './stored-backup.ts'

/** Errors that ask for another try; in a soak somebody is always in the way. */
const RETRYABLE: readonly string[] = ['CATALOG_LOCKED', 'DATABASE_LOCKED', 'DATABASE_CHANGING']
const OPERATIONS: readonly Operation[] = [
  ...Array<'create'>(8).fill('create'),
  ...Array<'restore'>(4).fill('restore'),
  ...Array<'restore-to'>(2).fill('restore-to'),
  ...Array<'verify'>(4).fill('verify'),
  'export',
  'export',
  'import',
  'cleanup',
  'cleanup',
  'convert',
  'convert',
  'sync',
  'list',
  'info',
]
/** What writes, each of which has files of its own on the way; an import needs an export. */
const LAST_OPERATIONS: readonly Operation[] = [
  'create',
  'restore',
  'restore-to',
  'convert',
  'cleanup',
  'sync',
  'export',
  'import',
]
/** What is about a backup. */
const OF_BACKUP: readonly Operation[] = ['restore', 'restore-to', 'verify', 'convert']
/** What takes backups away, or puts others in their place: not under the hands of who reads one. */
const EXCLUSIVE: readonly Operation[] = ['cleanup', 'convert']
/** More are taken away, oldest first, however many cleanups fail: a soak of hours does not fill the disk. */
const BACKUPS_MAX = 3 * KEPT
/** What happened longer ago excuses nothing any more. */
const EXCUSED_US = 300_000_000

type Ended = Answer & { readonly from: number }

/** The newest export of a lane, which only it reads. */
interface Exported {
  readonly path: string
  readonly id: number
}

interface Lane {
  readonly database: Protected
  exported: Exported | null
}

export class Soak {
  readonly #world: World
  readonly #random: () => number
  readonly cast: Cast
  readonly #excuses = new Excuses()
  /** When the backup of a name was made: one that is cancelled leaves its name to the next of the same second. */
  readonly #known = new Map<string, string>()
  #placesUsed = 0
  /** When each operation under way began, by the directory of the backups that it works with. */
  readonly #running = new Map<symbol, { readonly backupDir: string; readonly from: number }>()
  readonly #holding = new Holding()
  #isStopped = false
  readonly operations: Record<string, number> = {}
  readonly outcomes: Record<string, number> = {}
  readonly faults: Record<string, number> = {}

  constructor(world: World, random: () => number) {
    this.#world = world
    this.#random = random
    this.cast = new Cast(world, random)
  }

  /** Runs until {@link stop}; resolves once every operation and every fault is over. */
  async run(): Promise<void> {
    const lanes = [...this.#world.databases, ...this.#world.databases.slice(0, 1)].map(database =>
      this.#lane(database),
    )
    await Promise.all([...lanes, this.#doHarm()])
  }

  stop(): void {
    this.#isStopped = true
  }

  /** Carries out everything that tidies up after one that was killed; nothing gets in the way of it. */
  async finish(database: Protected): Promise<void> {
    const lane: Lane = { database, exported: null }
    for (const operation of LAST_OPERATIONS) {
      const answer = await this.#operate(lane, operation, 'steady', null)
      if (answer.code !== null || answer.unaudited.length > 0)
        this.#world.fail(
          `At the end, ${operation} of ${database.name}: ${answer.message} ${answer.unaudited.join(' ')}`,
        )
    }
  }

  async #lane(database: Protected): Promise<void> {
    const lane: Lane = { database, exported: null }
    while (!this.#isStopped) {
      const cancelAfterMs = this.#random() < 0.1 ? Math.floor(this.#random() * 150) : null
      const operation = this.#oneOf(OPERATIONS)
      const door = this.#oneOf(DOORS)
      const answer = await this.#operate(lane, operation, door, cancelAfterMs)
      const what = `${operation} of ${database.name} (${door})`
      this.#judge(answer, what, cancelAfterMs !== null)
      this.#judgeNote(answer, what, door)
      this.#prune(database)
      await sleep(this.#random() * 120)
    }
  }

  /** Carries out an operation; one that cannot be now, because of what others do, is as good as done. */
  async #operate(lane: Lane, operation: Operation, door: Door, cancelAfterMs: number | null): Promise<Ended> {
    const { database, exported } = lane
    const { path, backupDir, config } = database
    const nothing: Ended = { code: null, message: '', made: [], unaudited: [], from: now() }
    const isExclusive = EXCLUSIVE.includes(operation)
    using alone = isExclusive ? this.#holding.holdAlone(backupDir) : null
    if (isExclusive && alone === null) return nothing
    if (!isExclusive) await this.#holding.untilShared(backupDir)
    const backup = OF_BACKUP.includes(operation) ? this.#pick(database) : undefined
    if (OF_BACKUP.includes(operation) && backup === undefined) return nothing
    if (operation === 'import' && exported === null) return nothing
    const id = operation === 'import' ? (exported?.id ?? null) : backup === undefined ? 0 : idOf(backup)
    // It has just gone, or its directory cannot be looked into.
    if (id === null) return nothing
    using _held =
      backup === undefined && operation !== 'sync'
        ? null
        : this.#holding.hold(backupDir, backup?.path ?? 'all')
    const from = now()
    const suffix = operation === 'export' ? 'json' : 'db'
    const to = join(this.#world.directory, 'restored', `${database.name}-${this.#placesUsed++}.${suffix}`)
    const order: Order = {
      path,
      backupDir,
      config,
      engine: door === 'here' ? 'here' : 'process',
      operation,
      encoding: this.#oneOf(this.#world.encodings),
      backup: operation === 'import' ? (exported?.path ?? '') : (backup?.filename ?? ''),
      to,
      cancelAfterMs,
    }
    const key = Symbol(operation)
    this.#running.set(key, { backupDir, from })
    const name = `${operation} ${database.name} ${backup?.filename ?? ''} by ${door} at ${from}`
    this.#world.log('begins', { name, id, encoding: order.encoding, cancelAfterMs })
    if (operation === 'restore')
      this.cast.checker.tell({ kind: 'restoring', database: database.name, time: from, key: name, id })
    const answer = await this.cast.send(order, door)
    if (operation === 'restore') {
      const isDone = answer.code === null
      this.cast.checker.tell({ kind: 'restored', database: database.name, time: now(), key: name, isDone })
    }
    this.#world.log('ends', { name, ...answer })
    await this.#lookAfter(order, lane, answer, { id, from })
    this.#running.delete(key)
    this.operations[operation] = (this.operations[operation] ?? 0) + 1
    return { ...answer, from }
  }

  /** What an answer says must be so; what has come to be is told to the checker. */
  async #lookAfter(
    { operation, to }: Order,
    lane: Lane,
    answer: Answer,
    { id, from }: { readonly id: number; readonly from: number },
  ): Promise<void> {
    const { name } = lane.database
    for (const path of answer.made) {
      // While nobody may look there, nothing can be said of it.
      if (this.#excuses.cover('PERMISSION_DENIED', now())) continue
      if (!existsSync(path))
        this.#world.fail(`${operation} of ${name} says that it made ${path}, which is not there`)
    }
    for (const database of this.#world.databases) this.#tellNew(database)
    if (operation === 'export') return this.#lookIntoExport(lane, to, answer, from)
    if (operation !== 'restore-to' && operation !== 'import') return
    // What failed has made nothing in a new place, or the whole of it.
    const isThere = existsSync(to)
    if (answer.code === null && !isThere)
      this.#world.fail(`${operation} of ${name} to ${to}, which is not there`)
    if (isThere) await this.cast.checker.ask(question => ({ kind: 'compare', question, path: to, id }))
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(to + suffix, { force: true })
  }

  /** What has the export's name is the whole of it; one that failed has left nothing under it. */
  #lookIntoExport(lane: Lane, path: string, answer: Answer, from: number): void {
    if (answer.code === null && !existsSync(path)) this.#world.fail(`${path} is said to be an export`)
    if (!existsSync(path)) return
    const { schema, tables } = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly schema: { readonly settings: { readonly user_version: number } }
      readonly tables: Readonly<Record<string, readonly Record<string, unknown>[]>>
    }
    const commits = Number(tables['state']?.[0]?.['commits'])
    const rowsOfLog = tables['log']?.length
    if (rowsOfLog !== Math.min(commits, LOG_ROWS_MAX) || tables['log']?.at(-1)?.['seq'] !== commits)
      this.#world.fail(`${path} mixes commits`)
    const { user_version: id } = schema.settings
    const { name } = lane.database
    this.cast.checker.tell({ kind: 'exported', database: name, id, commits, from, to: now() })
    if (lane.exported !== null) rmSync(lane.exported.path)
    lane.exported = { path, id }
  }

  /** Backups that were not there before are of the time since the oldest operation under way there began. */
  #tellNew(database: Protected): void {
    const froms = [...this.#running.values()].filter(({ backupDir }) => backupDir === database.backupDir)
    const from = Math.min(now(), ...froms.map(running => running.from))
    for (const backup of backupsOf(database)) {
      const { stem: key } = backup
      const recorded = recordedOf(backup)
      const id = idOf(backup)
      if (recorded === null || id === null || this.#known.get(key) === recorded.created) continue
      if (this.#known.has(key)) this.cast.checker.tell({ kind: 'gone', key })
      this.#known.set(key, recorded.created)
      this.cast.checker.tell({ kind: 'appeared', database: database.name, key, id, from, to: now() })
    }
  }

  #judge({ code, message, from }: Ended, what: string, isCancelled: boolean): void {
    this.outcomes[code ?? 'success'] = (this.outcomes[code ?? 'success'] ?? 0) + 1
    if (code === null) {
      if (message === 'damaged') this.#world.fail(`${what} calls a backup damaged that nobody has damaged`)
      return
    }
    const isExcused = (code === 'CANCELLED' && isCancelled) || this.#excuses.cover(code, from)
    if (!isExcused && !RETRYABLE.includes(code)) this.#world.fail(`${what}: ${code}: ${message}`)
  }

  /** Only a fault that was at work meanwhile may keep an action out of the audit log. */
  #judgeNote({ unaudited, from }: Ended, what: string, door: Door): void {
    if (unaudited.length === 0) return
    this.outcomes['not noted'] = (this.outcomes['not noted'] ?? 0) + 1
    // A command whose process was killed says nothing any more; what it has started is never killed alone.
    const hasEngine = door === 'steady' || door === 'mortal'
    const isExcused =
      this.#excuses.cover('UNAUDITED', from) || (hasEngine && this.#excuses.cover('ENGINE_UNAUDITED', from))
    if (!isExcused) this.#world.fail(`${what}, without a fault: ${unaudited.join(' ')}`)
  }

  /** Restores a backup drawn at random by hand, and a copy at the mirror, and compares them with their writer's log; answers how many there were. */
  async check(database: Protected): Promise<number> {
    const { backupDir, mirror } = database
    await this.#holding.untilShared(backupDir)
    // One may be there whose maker has not answered yet.
    this.#tellNew(database)
    const wanted = [this.#pick(database), this.#pick(database, mirror)].filter(backup => backup !== undefined)
    const held = wanted.map(backup => this.#holding.hold(backupDir, backup.path))
    for (const backup of wanted)
      await this.cast.checker.ask(question => ({ kind: 'check', question, key: backup.stem, backup }))
    for (const one of held) one[Symbol.dispose]()
    return wanted.length
  }

  #prune(database: Protected): void {
    const { backupDir } = database
    if (this.#holding.isAlone(backupDir) || this.#holding.isHeld(backupDir, 'all')) return
    const backups = backupsOf(database).filter(({ path }) => !this.#holding.isHeld(backupDir, path))
    for (const { path, metadataPath } of backups.slice(0, Math.max(0, backups.length - BACKUPS_MAX))) {
      rmSync(metadataPath)
      rmSync(path)
      this.#world.log('removed', path)
    }
  }

  /** A fault every half to three seconds; those that last overlap with the next. */
  async #doHarm(): Promise<void> {
    const lasting: Promise<void>[] = []
    while (!this.#isStopped) {
      await sleep(500 + this.#random() * 2500)
      const [name, harm] = this.#oneOf(Object.entries(this.#harms))
      this.#world.log('fault', name)
      this.faults[name] = (this.faults[name] ?? 0) + 1
      const done = harm()
      if (done !== undefined) lasting.push(done)
      this.cast.watchWriters()
      this.#excuses.forgetBefore(now() - EXCUSED_US)
    }
    await Promise.all(lasting)
  }

  /** What each fault does; those that last say when they are over. */
  readonly #harms: Readonly<Record<string, () => Promise<void> | undefined>> = {
    'engine killed': () => this.#kill(() => this.cast.killChild(this.#oneOf(['steady', 'mortal']), 'engine')),
    'SQLite process killed': () =>
      this.#kill(() => this.cast.killChild(this.#oneOf(['steady', 'mortal']), 'sqlite')),
    'command line killed': () => this.#kill(() => this.cast.killCommand()),
    'host killed': () =>
      this.#kill(() => {
        this.cast.killMortal()
        return true
      }),
    'writer killed': () => this.cast.killWriter(this.#oneOf(this.#world.databases)),
    'engine stopped for a while': () => {
      const pids = processesOf(this.cast.steady.pid, 'engine')
      return pids.length === 0 ? undefined : stopFor(this.#oneOf(pids), 200 + this.#random() * 2000)
    },
    ...(isRoot ? this.#harmsOfRoot() : {}),
  }

  /** What needs a disk of one's own, and somebody who may look where the product may not. */
  #harmsOfRoot(): Record<string, () => Promise<void>> {
    return {
      'disk full': () => fillDisk(this.#world, this.#excuses, 300 + this.#random() * 3000),
      'permission lost': () => {
        const { backupDir } = this.#oneOf(this.#world.databases)
        return takePermission(backupDir, this.#excuses, 200 + this.#random() * 1500)
      },
    }
  }

  #kill(kill: () => boolean): undefined {
    // From before it: an answer may come faster than this goes on.
    this.#excuses.forKill()
    kill()
  }

  /** A backup that is there, whole to the eye, and known; its file may go with the directory's permission. */
  #pick(database: Protected, place?: string): StoredBackup | undefined {
    const backups = backupsOf(database, place).filter(
      ({ path, stem }) => this.#known.has(stem) && existsSync(path) && statSync(path).size > 64,
    )
    return this.#oneOf(backups)
  }

  #oneOf<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T
  }
}
