/**
 * A program that uses the library for as long as the soak lasts: carries out orders, several at once, and
 * says what it holds on to.
 *
 * Usage: spawned with an IPC channel.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { readdirSync, readlinkSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Database, type Encoding, toFailure } from '../../src/index.ts'
import { descendantsOf } from '../crash/processes.ts'
import { type Outcome, toldBy } from './soak-outcome.ts'

export type Operation =
  | 'create'
  | 'restore'
  | 'restore-to'
  | 'verify'
  | 'export'
  | 'import'
  | 'cleanup'
  | 'convert'
  | 'sync'
  | 'list'
  | 'info'

export interface Order {
  readonly path: string
  readonly backupDir: string
  readonly config: string
  readonly engine: 'here' | 'process'
  readonly operation: Operation
  /** How a backup that is made, or converted, is to be stored. */
  readonly encoding: Encoding
  /** The backup that it is about, or the export that is imported. */
  readonly backup: string
  readonly to: string
  readonly cancelAfterMs: number | null
}

export type ToHost =
  | { readonly kind: 'run'; readonly question: number; readonly order: Order }
  | { readonly kind: 'measure'; readonly question: number }

export interface Answer {
  /** Null for a success; `KILLED` when nobody was left to answer. */
  readonly code: string | null
  readonly message: string
  /** The paths of the backups that it says it has made. */
  readonly made: readonly string[]
  /** What it says of an action that is not in the audit log, or not in its head. */
  readonly unaudited: readonly string[]
}

export interface Measure {
  readonly children: number
  /** Open descriptors, less one for the channel to each child. */
  readonly descriptors: number
  /** Descriptors of files below a directory of the product's or the database's. */
  readonly files: readonly string[]
  readonly heapBytes: number
  readonly rssBytes: number
}

export interface FromHost {
  readonly question: number
  readonly answer: Answer | Measure
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void
const databases = new Map<string, Database>()
/** The warnings of the order that is being carried out: several are, at once, by one object. */
const warnings = new AsyncLocalStorage<string[]>()
const onAuditProblem = (message: string): void => void warnings.getStore()?.push(message)

function databaseFor({ path, backupDir, config, engine }: Order): Database {
  const key = `${engine} ${path}`
  const known = databases.get(key) ?? new Database({ path, backupDir, config, engine, onAuditProblem })
  databases.set(key, known)
  return known
}

async function run(order: Order): Promise<Answer> {
  const unaudited: string[] = []
  const answer = await warnings.run(unaudited, () => carryOut(order))
  return { ...answer, unaudited }
}

async function carryOut(order: Order): Promise<Omit<Answer, 'unaudited'>> {
  const database = databaseFor(order)
  const controller = new AbortController()
  const { signal } = controller
  if (order.cancelAfterMs !== null) void sleep(order.cancelAfterMs).then(() => controller.abort())
  const made = (...paths: readonly (string | undefined)[]): Omit<Answer, 'unaudited'> => ({
    code: null,
    message: '',
    made: paths.filter(path => path !== undefined),
  })
  try {
    if (order.operation === 'list') {
      await database.listBackups()
      return made()
    }
    const result = await resultOf(order, database, { signal })
    if (!result.success) return { code: result.code, message: result.message, made: [] }
    if ('status' in result) return { ...made(), ...toldBy(result as Outcome) }
    if ('preRestoreBackup' in result && result.dryRun === false) return made(result.preRestoreBackup?.path)
    return made('backupPath' in result ? result.backupPath : undefined)
  } catch (error) {
    const { code, message } = toFailure(error)
    return { code, message, made: [] }
  }
}

type Options = { readonly signal: AbortSignal }

/** Each has a type of its own; what is looked at of them is what they have in common. */
function resultOf(order: Order, database: Database, options: Options) {
  const { encoding, to, backup } = order
  switch (order.operation) {
    case 'create':
      return database.createBackup({ ...options, encoding, copy: false })
    case 'verify':
      return database.verifyBackup(backup, options)
    case 'export':
      return database.exportData({ ...options, output: to, includeSensitive: true })
    case 'import':
      return database.importData({ ...options, from: backup, to })
    case 'cleanup':
      return database.cleanupOldBackups(options)
    case 'convert':
      return database.convertBackups({ ...options, backups: [backup], encoding })
    case 'sync':
      return database.syncTargets(options)
    case 'restore':
      return database.restoreBackup(backup, { ...options, confirm: true })
    case 'restore-to':
      return database.restoreBackup(backup, { ...options, confirm: true, to })
    default:
      return database.info(options)
  }
}

/** Twice, because the first run only finds what the finalizers then let go. */
async function measure(): Promise<Measure> {
  collectGarbage()
  await sleep(50)
  collectGarbage()
  const { heapUsed, rss } = process.memoryUsage()
  const children = descendantsOf(process.pid).length
  const open = readdirSync('/proc/self/fd').flatMap(fd => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)]
    } catch {
      return []
    }
  })
  return {
    children,
    descriptors: open.length,
    files: open.filter(path => /\/(data|store|plain|restored)\//.test(path)),
    heapBytes: heapUsed,
    rssBytes: rss,
  }
}

process.on('message', (message: ToHost) => {
  const answer = message.kind === 'run' ? run(message.order) : measure()
  void answer.then(result =>
    process.send?.({ question: message.question, answer: result } satisfies FromHost),
  )
})
process.on('disconnect', () => process.exit(0))
