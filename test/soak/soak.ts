/** Drives a soak: several operations at a time and faults, all drawn from a seed, and what must be true of each. */
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { LOG_ROWS_MAX } from '../support/ledger.ts'
import { isRoot } from '../support/requirements.ts'
import { Cast, type Door, DOORS } from './soak-cast.ts'
import { now } from './soak-clock.ts'
import { Excuses, fillDisk, processesOf, stopFor, takePermission } from './soak-faults.ts'
import type { Answer, Order } from './soak-host.ts'
import { backupsOf, idOf, type Protected, type World } from './soak-world.ts'
import { createdOf, type StoredBackup } from './stored-backup.ts'

/** Errors that ask for another try; in a soak somebody is always in the way. */
const RETRYABLE: readonly string[] = ['CATALOG_LOCKED', 'DATABASE_LOCKED', 'DATABASE_CHANGING']
const OPERATIONS: readonly Order['operation'][] = [
  ...Array<'create'>(8).fill('create'),
  ...Array<'restore'>(4).fill('restore'),
  ...Array<'restore-to'>(2).fill('restore-to'),
  ...Array<'verify'>(4).fill('verify'),
  'export',
  'export',
  'list',
  'info',
]
/** More are taken away, oldest first: a soak of hours does not fill the disk. */
const BACKUPS_MAX = 12
/** What happened longer ago excuses nothing any more. */
const EXCUSED_US = 300_000_000

type Ended = Answer & { readonly from: number }

export class Soak {
  readonly #world: World
  readonly #random: () => number
  readonly cast: Cast
  readonly #excuses = new Excuses()
  /** When the backup at a path was made: one that is cancelled leaves its name to the next of the same second. */
  readonly #known = new Map<string, string>()
  #placesUsed = 0
  /** When each operation under way began, by the directory of the backups that it works with. */
  readonly #running = new Map<symbol, { readonly backupDir: string; readonly from: number }>()
  readonly #inUse = new Map<string, number>()
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

  /** Carries out one operation that nothing gets in the way of. */
  async finish(database: Protected, operation: 'create' | 'restore' | 'restore-to'): Promise<void> {
    const answer = await this.#operate(database, operation, 'steady', null)
    if (answer.code !== null || answer.unaudited.length > 0)
      this.#world.fail(
        `At the end, ${operation} of ${database.name}: ${answer.message} ${answer.unaudited.join(' ')}`,
      )
  }

  async #lane(database: Protected): Promise<void> {
    while (!this.#isStopped) {
      const cancelAfterMs = this.#random() < 0.1 ? Math.floor(this.#random() * 150) : null
      const operation = this.#oneOf(OPERATIONS)
      const door = this.#oneOf(DOORS)
      const answer = await this.#operate(database, operation, door, cancelAfterMs)
      const what = `${operation} of ${database.name} (${door})`
      this.#judge(answer, what, cancelAfterMs !== null)
      this.#judgeNote(answer, what, door)
      this.#prune(database)
      await sleep(this.#random() * 120)
    }
  }

  async #operate(
    database: Protected,
    operation: Order['operation'],
    door: Door,
    cancelAfterMs: number | null,
  ): Promise<Ended> {
    const { path, backupDir } = database
    const suffix = operation === 'export' ? 'json' : 'db'
    const to = join(this.#world.directory, 'restored', `${database.name}-${this.#placesUsed++}.${suffix}`)
    const backup = this.#pick(database)
    const from = now()
    if (backup === undefined && !['create', 'export', 'list', 'info'].includes(operation)) {
      return { code: null, message: '', made: [], unaudited: [], from }
    }
    const order: Order = {
      path,
      backupDir,
      config: this.#world.config,
      engine: door === 'here' ? 'here' : 'process',
      operation,
      backup: backup?.filename ?? '',
      to,
      cancelAfterMs,
    }
    const key = Symbol(operation)
    this.#running.set(key, { backupDir, from })
    const id = backup === undefined ? 0 : idOf(backup)
    if (backup !== undefined) this.#hold(backup.path, 1)
    const name = `${operation} ${database.name} ${backup?.filename ?? ''} by ${door} at ${from}`
    this.#world.log('begins', { name, id, cancelAfterMs })
    if (operation === 'restore')
      this.cast.checker.tell({ kind: 'restoring', database: database.name, time: from, key: name, id })
    const answer = await this.cast.send(order, door)
    if (operation === 'restore') {
      const isDone = answer.code === null
      this.cast.checker.tell({ kind: 'restored', database: database.name, time: now(), key: name, isDone })
    }
    this.#world.log('ends', { name, ...answer })
    await this.#lookAfter(order, database, answer, { id, from })
    if (backup !== undefined) this.#hold(backup.path, -1)
    this.#running.delete(key)
    this.operations[operation] = (this.operations[operation] ?? 0) + 1
    return { ...answer, from }
  }

  /** What an answer says must be so; what has come to be is told to the checker. */
  async #lookAfter(
    { operation, to }: Order,
    { name }: Protected,
    answer: Answer,
    { id, from }: { readonly id: number; readonly from: number },
  ): Promise<void> {
    for (const path of answer.made) {
      // While nobody may look there, nothing can be said of it.
      if (this.#excuses.cover('PERMISSION_DENIED', now())) continue
      if (!existsSync(path))
        this.#world.fail(`${operation} of ${name} says that it made ${path}, which is not there`)
    }
    for (const database of this.#world.databases) this.#tellNew(database)
    if (operation === 'export') return this.#lookIntoExport(name, to, answer, from)
    if (operation !== 'restore-to') return
    // A restore to a new place that failed has made nothing there, or the whole of it.
    const isThere = existsSync(to)
    if (answer.code === null && !isThere)
      this.#world.fail(`${name} was restored to ${to}, which is not there`)
    if (isThere) await this.cast.checker.ask(question => ({ kind: 'compare', question, path: to, id }))
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(to + suffix, { force: true })
  }

  /** What has the export's name is the whole of it; one that failed has left nothing under it. */
  #lookIntoExport(name: string, path: string, answer: Answer, from: number): void {
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
    this.cast.checker.tell({
      kind: 'exported',
      database: name,
      id: schema.settings.user_version,
      commits,
      from,
      to: now(),
    })
    rmSync(path)
  }

  /** Backups that were not there before are of the time since the oldest operation under way there began. */
  #tellNew(database: Protected): void {
    const froms = [...this.#running.values()].filter(({ backupDir }) => backupDir === database.backupDir)
    const from = Math.min(now(), ...froms.map(running => running.from))
    for (const backup of backupsOf(database)) {
      const { path } = backup
      const created = createdOf(backup)
      if (created === null || this.#known.get(path) === created) continue
      if (this.#known.has(path)) this.cast.checker.tell({ kind: 'gone', path })
      this.#known.set(path, created)
      this.cast.checker.tell({
        kind: 'appeared',
        database: database.name,
        path,
        id: idOf(backup),
        from,
        to: now(),
      })
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

  /** Restores a backup drawn at random by hand, and compares it with its writer's log; answers how many there were. */
  async check(database: Protected): Promise<number> {
    // One may be there whose maker has not answered yet.
    this.#tellNew(database)
    const backup = this.#pick(database)
    if (backup === undefined) return 0
    this.#hold(backup.path, 1)
    await this.cast.checker.ask(question => ({ kind: 'check', question, backup }))
    this.#hold(backup.path, -1)
    return 1
  }

  #prune(database: Protected): void {
    const backups = backupsOf(database).filter(({ path }) => (this.#inUse.get(path) ?? 0) === 0)
    for (const { path, metadataPath } of backups.slice(0, Math.max(0, backups.length - BACKUPS_MAX))) {
      rmSync(metadataPath)
      rmSync(path)
      this.#known.delete(path)
      this.cast.checker.tell({ kind: 'gone', path })
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

  /** A backup that is there, whole to the eye; its file may go with the directory's permission. */
  #pick(database: Protected): StoredBackup | undefined {
    const backups = backupsOf(database).filter(({ path }) => existsSync(path) && statSync(path).size > 64)
    return this.#oneOf(backups)
  }

  #hold(path: string, by: 1 | -1): void {
    this.#inUse.set(path, (this.#inUse.get(path) ?? 0) + by)
    if (this.#inUse.get(path) === 0) this.#inUse.delete(path)
  }

  #oneOf<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random() * items.length)] as T
  }
}
