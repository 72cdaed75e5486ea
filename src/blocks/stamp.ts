/** How the files of a database look, to tell later that nobody has touched them since. */
import type { BigIntStats } from 'node:fs'
import { during } from '../storage/io-errors.ts'
import { exactLstatOf, exactStatOf } from '../storage/looks.ts'

/**
 * A file that changed so shortly before it was looked at may change again without its time telling: clocks of file
 * systems tick every few milliseconds, of some every two seconds.
 */
const SETTLED_MS = 3_000

export interface Stamp {
  readonly text: string
  /** The same without the times of the inodes' last changes: equal before and after something, nobody wrote meanwhile. */
  readonly written: string
  /** Whether the files have been left alone for so long that a change from now on will show. */
  readonly isSettled: boolean
}

/**
 * The stamp of a database; null where its files say nothing of what is in it: while a rollback journal lies there, or
 * when it is missing. Every commit writes to one of the two files; the time of the last change of an inode cannot be
 * set by a program, as that of its content can.
 *
 * @param path real path of the database's main file
 * @param nowMs the time, on the clock that the file system takes its times from
 */
export async function stampOf(path: string, nowMs: number): Promise<Stamp | null> {
  const [main, wal, journal] = await Promise.all([
    during('read', path, () => exactStatOf(path)),
    during('read', `${path}-wal`, () => exactLstatOf(`${path}-wal`)),
    during('read', `${path}-journal`, () => exactLstatOf(`${path}-journal`)),
  ])
  if (main === null || !main.isFile() || (journal !== null && journal.size > 0n)) return null
  const files = wal === null ? [main] : [main, wal]
  const newestMs = Math.max(...files.flatMap(({ mtimeMs, ctimeMs }) => [Number(mtimeMs), Number(ctimeMs)]))
  // A time in the future is of another clock, and proves nothing.
  const written = [path, ...files.map(writtenOf)]
  return {
    text: [...written, ...files.map(({ ctimeNs }) => String(ctimeNs))].join('\n'),
    written: written.join('\n'),
    isSettled: newestMs <= nowMs - SETTLED_MS,
  }
}

function writtenOf({ dev, ino, size, mtimeNs }: BigIntStats): string {
  return [dev, ino, size, mtimeNs].join(' ')
}

/**
 * The stamp to keep of an image that was read between two looks; null where it would prove nothing. SQLite, run by root,
 * sets the owner of a log whenever it opens one: so only the second look has the times that will stay.
 */
export function stampBetween(before: Stamp | null, after: Stamp | null): string | null {
  return before?.isSettled === true && before.written === after?.written ? after.text : null
}
