/** Noting what was done. Whatever becomes of the note, what was done stays done. */
import { stat } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { toFailure } from '../errors.ts'
import { appendToLog, type AuditFacts } from './log-file.ts'

/** A disk that does not answer must not keep the caller from the result; nobody notices less. */
const PATIENCE_MS = 10_000

/** By backup directory, how many actions of this process could not be noted since the last one that could. */
const unwritten = new Map<string, number>()

/**
 * Notes an action in the log of a backup directory; without such a directory there is nothing to note it in. Never
 * rejects: what went wrong is told as a sentence, and the next line says that something is missing. Null when it is noted.
 */
export async function record(backupDir: string, facts: AuditFacts): Promise<string | null> {
  try {
    if (!(await stat(backupDir).catch(() => null))?.isDirectory()) return null
    const missing = unwritten.get(backupDir) ?? 0
    const { headProblem } = await withPatience(appendToLog(backupDir, facts, missing))
    unwritten.delete(backupDir)
    if (headProblem === null) return null
    return `This ${facts.action} is in the audit log, but its head could not be written, so that a cut tail may not show: ${toFailure(headProblem).message}`
  } catch (error) {
    unwritten.set(backupDir, (unwritten.get(backupDir) ?? 0) + 1)
    return `The audit log could not be written, and says nothing of this ${facts.action}: ${toFailure(error).message}`
  }
}

async function withPatience<T>(work: Promise<T>): Promise<T> {
  const isOver = new AbortController()
  const late = sleep(PATIENCE_MS, undefined, { signal: isOver.signal, ref: false }).then((): never => {
    throw new Error(`no answer from the disk for ${PATIENCE_MS / 1000} s`)
  })
  late.catch(() => {}) // Aborted when the work is done.
  try {
    return await Promise.race([work, late])
  } finally {
    isOver.abort()
    work.catch(() => {}) // Nobody waits for it any more.
  }
}
