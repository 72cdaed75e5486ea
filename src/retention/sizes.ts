/**
 * What backups take is asked for one by one while a decision is made: those that are stored by their pages have most of
 * it in common, so that what one takes depends on which others stay.
 */
import type { Candidate } from './standing.ts'

export interface SizeQuestion<Backup extends Candidate> {
  readonly backup: Backup
  /**
   * What stays so far of its database and its type, in the order in which that was found out: the same array, longer,
   * for every question about a type. The backup that was asked for last is its last one, unless it does not fit.
   */
  readonly staying: readonly Backup[]
}

/** Bytes that the backup takes beside what those take that stay; or why nobody knows. */
export type SizeAnswer = number | { readonly unknown: string }

/** What a backup takes that lies in a file of its own. */
export function ownSize({ backup }: SizeQuestion<Candidate>): number {
  return backup.size
}
