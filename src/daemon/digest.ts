import type { NotifyEvent } from '../notify/event.ts'
import type { StateBook } from './state-book.ts'
import type { Task } from './task.ts'

type Digest = Extract<NotifyEvent, { kind: 'digest' }>

/** What a digest says of each database. One whose backups cannot be listed is there too, without figures. */
export async function digestRows(
  tasks: readonly Task[],
  book: StateBook,
): Promise<Digest['databases'][number][]> {
  const byDatabase = Map.groupBy(tasks, task => task.settings.name)
  return Promise.all(
    [...byDatabase].map(async ([name, [first, ...rest]]) => {
      const { lastGoodAt, isOverdue, failuresSinceDigest, lastDrill } = book.databaseOf(name)
      const isFailing = [first, ...rest].some(
        task => task !== undefined && book.jobOf(task).failingSince !== null,
      )
      // Last: while it lists, a reload may take jobs away that the book then knows no longer.
      const backups = (await first?.database.listBackups().catch(() => [])) ?? []
      return {
        database: name,
        verdict: isFailing ? 'failing' : isOverdue || lastGoodAt === null ? 'at-risk' : 'protected',
        lastGoodAt: lastGoodAt === null ? null : new Date(lastGoodAt),
        backups: backups.length,
        bytes: backups.reduce((sum, { size }) => sum + size, 0),
        failures: failuresSinceDigest,
        lastDrill: lastDrill === null ? null : { at: new Date(lastDrill.at), passed: lastDrill.passed },
      } as const
    }),
  )
}
