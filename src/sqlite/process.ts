/**
 * The SQLite process: the only one that opens protected databases with SQLite. Raw descriptors of the
 * same files are read in another process, because closing one drops this process's SQLite locks
 * (sqlite.org/howtocorrupt.html, 2.2). It answers one call after another and ends with its parent.
 */
import { DatabaseSync } from 'node:sqlite'
import { isSystemError } from '../storage/io-errors.ts'
import { checkImage } from './check.ts'
import { beginRead, describe, endRead } from './reader.ts'
import type { SqliteCall, SqliteFault, SqliteReply, SqliteRequestName, SqliteRequests } from './requests.ts'
import * as targets from './target.ts'

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
  recover: ({ path }) => nothing(recover(path)),
  openTarget: ({ path, waitMs }) => targets.openTarget(path, waitMs),
  leaveWal: () => nothing(targets.leaveWal()),
  apply: ({ source }, { id }) =>
    targets.apply(source, (doneBytes, totalBytes) => reply({ id, progress: { doneBytes, totalBytes } })),
  beginTargetRead: () => targets.beginTargetRead(),
  endTargetRead: () => nothing(targets.endTargetRead()),
  checkpointTarget: () => nothing(targets.checkpointTarget()),
  forgetUncommitted: () => nothing(targets.forgetUncommitted()),
  settleTarget: ({ journalMode }) => targets.settleTarget(journalMode),
  closeTarget: () => nothing(targets.closeTarget()),
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
