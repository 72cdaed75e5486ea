import { type NoteRequest, type Noted, writeNote } from '../audit/recorder.ts'
import type { Settings } from '../config/settings.ts'
import { cancelled, type Failure, fromFailure } from '../errors.ts'
import type { RunOptions, Step } from '../operations/reports.ts'
import { type Job, prepareHere, runHere } from './here.ts'
import type { OperationName, Operations } from './operations.ts'
import type { EngineProcess } from './engine-process.ts'
import { IdleEngines } from './idle-engines.ts'
import { silenceMsFor, stalled, StallWatch } from './stall-watch.ts'

export type { OperationName, Operations } from './operations.ts'

export interface EngineOptions extends RunOptions {
  readonly where: 'process' | 'here'
}

/** One runs one operation at a time. */
const idle = new IdleEngines()

/** What needs no process that opens databases. */
const CATALOG_ONLY: ReadonlySet<OperationName> = new Set([
  'list',
  'sync',
  'cleanup',
  'simulate',
  'delete',
  'pin',
  'unpin',
  'verifyAudit',
])

/**
 * Runs an operation: in an engine process, so that this one's event loop and memory stay free and the
 * protected database is never opened in it, or here. Listing the backup directory only reads metadata, and a sync
 * without targets does nothing, so these always run here.
 */
export async function runOperation<Name extends OperationName>(
  name: Name,
  settings: Settings,
  request: Operations[Name]['request'],
  { where, onProgress, signal }: EngineOptions,
): Promise<Operations[Name]['result'] | Failure> {
  if (signal?.aborted === true) throw cancelled()
  const isHere = where === 'here' || needsNoProcess(name, request, settings)
  // Whatever does the work starts while the request is being checked.
  if (isHere && !CATALOG_ONLY.has(name)) prepareHere()
  const engine = isHere ? null : takeFor(name, settings)
  try {
    const { parseRequest } = await import('./requests.ts')
    const job = { name, settings, request: parseRequest(name, request) }
    const options: RunOptions = {
      ...(onProgress === undefined ? {} : { onProgress }),
      ...(signal === undefined ? {} : { signal }),
    }
    if (engine === null) return await runWatched(job, options)
    return (await engine.run(job, options)) as Operations[Name]['result'] | Failure
  } finally {
    if (engine !== null) idle.put(engine)
  }
}

/** For a backup, the one that made the last one there, if it can be had: what it knows of the directory spares much reading. */
function takeFor(name: OperationName, { backupDir }: Settings): EngineProcess {
  if (name !== 'create') return idle.take()
  const engine = idle.take(({ knows }) => knows === backupDir)
  engine.knows = backupDir
  return engine
}

/** A disk that does not answer must not keep the caller from his result; nobody notices less. */
const NOTE_MS_MAX = 10_000

/** By backup directory, the last line that is being added: they would wait for each other anyway, each in an engine. */
const noting = new Map<string, Promise<unknown>>()

/** Adds a line to the audit log, where operations run. Throws when it is not there in time. */
export async function writeAuditNote(
  settings: Settings,
  request: NoteRequest,
  where: EngineOptions['where'],
): Promise<Noted> {
  const { backupDir } = settings
  if (where === 'here') return await writeNote(backupDir, request)
  const { promise: late, resolve: giveUp } = Promise.withResolvers<null>()
  const timer = setTimeout(giveUp, NOTE_MS_MAX, null).unref()
  const before = noting.get(backupDir)
  const note = (async () => {
    await Promise.race([before, late])
    return await noteInEngine(settings, request, late)
  })()
  const settled = note.catch(() => {})
  noting.set(backupDir, settled)
  try {
    return await note
  } finally {
    clearTimeout(timer)
    if (noting.get(backupDir) === settled) noting.delete(backupDir)
  }
}

async function noteInEngine(settings: Settings, request: NoteRequest, late: Promise<null>): Promise<Noted> {
  // The next backup may be made meanwhile, by the one that knows the directory.
  const engine = idle.take(({ knows }) => knows !== settings.backupDir)
  // There was no other: the next backup begins in a new one meanwhile, and each would have to read what the other changed.
  if (engine.knows === settings.backupDir) engine.knows = null
  try {
    const answer = await Promise.race([engine.run({ name: 'note', settings, request }, {}), late])
    if (answer === null) {
      engine.abandon()
      throw new Error(`no answer from the disk for ${NOTE_MS_MAX / 1000} s`)
    }
    if (!answer.success) throw fromFailure(answer)
    return answer as Noted
  } finally {
    idle.put(engine)
  }
}

/**
 * Runs a job here. One that shows no sign of life is given up and cancelled; a thread of this process that
 * hangs in the kernel stays there until the disk answers, and the cancelled job cleans up then.
 */
async function runWatched<Name extends OperationName>(
  job: Job<Name>,
  { onProgress, signal }: RunOptions,
): Promise<Operations[Name]['result']> {
  const hangs = Promise.withResolvers<never>()
  const givenUp = new AbortController()
  let step: Step | null = null
  using watch = new StallWatch(process.pid, silenceMsFor(job), () => {
    hangs.reject(stalled(job, step))
    givenUp.abort()
  })
  const work = runHere(job, {
    signal: signal === undefined ? givenUp.signal : AbortSignal.any([signal, givenUp.signal]),
    onProgress(progress) {
      watch.sign()
      step = progress.step
      onProgress?.(progress)
    },
  })
  return await Promise.race([work, hangs.promise])
}

/** What asks no target: those need libraries that are of no concern to the caller's memory. */
function needsNoProcess(name: OperationName, request: object, { keepLocal, targets }: Settings): boolean {
  if (name === 'sync') return Object.keys(targets).length === 0
  return name === 'list' && keepLocal && !('target' in request && request.target !== undefined)
}
