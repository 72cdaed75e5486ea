/**
 * The SQLite process: the only one that opens protected databases with SQLite. Raw descriptors of the
 * same files are read in another process, because closing one drops this process's SQLite locks
 * (sqlite.org/howtocorrupt.html, 2.2). It answers one call after another and ends with its parent.
 */
import { DatabaseSync } from 'node:sqlite'
import { BackupError, toFailure } from '../errors.ts'
import { isSystemError } from '../storage/io-errors.ts'
import type { OpenFile } from '../storage/transfer.ts'
import { checkConnection, checkImage } from './check.ts'
import { nothingIsOpen } from './process-failed.ts'
import { beginRead, describe, endRead, readerConnection } from './reader.ts'
import type { SqliteCall, SqliteFault, SqliteReply, SqliteRequestName, SqliteRequests } from './requests.ts'
import type * as exporting from './export-source.ts'
import * as targets from './target.ts'

/** Where rows go to our parent: behind stdin, stdout, stderr and the channel of messages. */
const PIPE: OpenFile = { fd: 4, path: 'the pipe' }

type Handlers = {
  [Name in SqliteRequestName]: (
    request: SqliteRequests[Name]['request'],
    call: SqliteCall,
  ) => SqliteRequests[Name]['answer'] | Promise<SqliteRequests[Name]['answer']>
}

const handlers: Handlers = {
  beginRead: ({ path, waitMs }) => beginRead(path, waitMs),
  endRead: () => nothing(endRead()),
  describe: ({ countPagesMax }) => describe(countPagesMax),
  check: request => checkImage(request),
  checkRead: request => checkConnection(readerConnection(), request),
  recover: ({ path }) => nothing(recover(path)),
  openTarget: ({ path, waitMs }) => targets.openTarget(path, waitMs),
  leaveWal: () => nothing(targets.leaveWal()),
  apply: (order, { id }) =>
    targets.apply(order, (doneBytes, totalBytes) => reply({ id, progress: { doneBytes, totalBytes } })),
  stopApplying: () => nothing(targets.stopApplying()),
  beginTargetRead: () => targets.beginTargetRead(),
  endTargetRead: () => nothing(targets.endTargetRead()),
  checkpointTarget: () => nothing(targets.checkpointTarget()),
  forgetUncommitted: () => nothing(targets.forgetUncommitted()),
  settleTarget: ({ journalMode }) => targets.settleTarget(journalMode),
  closeTarget: () => nothing(targets.closeTarget()),
  importData: async (request, { id }) => {
    const { importData } = await import('./importer.ts')
    return importData(request, (doneBytes, totalBytes) => reply({ id, progress: { doneBytes, totalBytes } }))
  },
  openExport: async place => {
    exports = await import('./export-source.ts')
    return exports.openExport(place)
  },
  exportRanges: request => opened().rangesOf(request),
  exportRows: request => opened().exportRows(request, PIPE),
  placeRows: place => opened().placeRows(place),
  closeExport: () => nothing(exports?.closeExport()),
  scanExport: ({ words }) => opened().scanExport(words),
  redactExport: order => opened().redact(order),
  look: async order => (await import('./look-source.ts')).look(order),
  readRows: async order => (await import('./look-rows.ts')).readRows(order),
  query: async order => (await import('./look-query.ts')).query(order),
  compare: async order => (await import('./compare.ts')).compare(order),
  checkConditions: async ({ conditions }) => nothing(await opened().requireConditions(conditions)),
}

/** Loaded by those that export. Questions after the first must find it there, or they would overtake each other. */
let exports: typeof exporting | null = null

function opened(): typeof exporting {
  if (exports === null) throw nothingIsOpen()
  return exports
}

process.umask(0o077)
process.on('message', (call: SqliteCall) => void answer(call))
process.on('disconnect', () => process.exit(0))
// A terminal's Ctrl-C reaches the whole group; the parent decides what becomes of us.
process.on('SIGINT', () => {})

async function answer(call: SqliteCall): Promise<void> {
  try {
    const handle = handlers[call.name] as (request: unknown, call: SqliteCall) => unknown
    reply({ id: call.id, answer: await handle(call.request, call) })
  } catch (error) {
    reply({ id: call.id, fault: faultOf(error) })
  }
}

function reply(message: SqliteReply): void {
  process.send?.(message)
}

function faultOf(error: unknown): SqliteFault {
  if (error instanceof BackupError)
    return { message: error.message, resultCode: null, failure: toFailure(error) }
  if (!(error instanceof Error)) return { message: String(error), resultCode: null }
  const resultCode = 'errcode' in error ? Number(error.errcode) : null
  const path = 'fileOfSource' in error ? { path: String(error.fileOfSource) } : {}
  if (!isSystemError(error)) return { message: error.message, resultCode, ...path }
  const { code, errno, syscall } = error
  return { message: error.message, resultCode, system: { code, errno, syscall } }
}

function recover(path: string): void {
  const connection = new DatabaseSync(path)
  try {
    connection.prepare('PRAGMA schema_version').get()
  } finally {
    connection.close()
  }
}

function nothing(_done: void): null {
  return null
}
