/** Noting what was done. Whatever becomes of the note, what was done stays done. */
import { stat } from 'node:fs/promises'
import { toFailure } from '../errors.ts'
import { appendToLog, type AuditFacts } from './log-file.ts'

export interface NoteRequest {
  readonly facts: AuditFacts
  /** How many actions before this one could not be noted. */
  readonly unwritten: number
}

export interface Noted {
  readonly success: true
  /** Why the head could not be written; null when it was. */
  readonly headProblem: string | null
}

/** By backup directory, how many actions of this process could not be noted since the last one that could. */
const unwritten = new Map<string, number>()

/**
 * Notes an action in the log of a backup directory. Never rejects: what went wrong is told as a sentence, and the next
 * line says that something is missing. Null when it is noted.
 *
 * @param write adds the line, or rejects
 */
export async function record(
  backupDir: string,
  facts: AuditFacts,
  write: (request: NoteRequest) => Promise<Noted>,
): Promise<string | null> {
  try {
    const { headProblem } = await write({ facts, unwritten: unwritten.get(backupDir) ?? 0 })
    unwritten.delete(backupDir)
    if (headProblem === null) return null
    return `This ${facts.action} is in the audit log, but its head could not be written, so that a cut tail may not show: ${headProblem}`
  } catch (error) {
    leaveOut(backupDir)
    return `The audit log could not be written, and says nothing of this ${facts.action}: ${toFailure(error).message}`
  }
}

/** Counts an action that is not noted: the next line says that something is missing. */
export function leaveOut(backupDir: string): void {
  unwritten.set(backupDir, (unwritten.get(backupDir) ?? 0) + 1)
}

/** Adds the line; without a backup directory there is nothing to note it in. */
export async function writeNote(backupDir: string, { facts, unwritten }: NoteRequest): Promise<Noted> {
  if (!(await stat(backupDir).catch(() => null))?.isDirectory()) return { success: true, headProblem: null }
  const { headProblem } = await appendToLog(backupDir, facts, unwritten)
  return { success: true, headProblem: headProblem === null ? null : toFailure(headProblem).message }
}
