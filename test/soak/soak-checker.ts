/**
 * The soak's checker, in a process of its own and without the product: knows from the writers' logs and from
 * when restores ran which states each backup can hold, and looks whether it holds one of them.
 *
 * Usage: fork('soak-checker.ts', [scratch directory, key file, '{"<database>": "<its writer's log>", …}'])
 */
import { copyFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { commitToLedger } from '../support/ledger.ts'
import { type RestoreEvent, Subject } from './soak-subject.ts'
import { examine, examineOpen, imageProblems, metadataProblems, type StoredBackup } from './stored-backup.ts'
import { openStored } from './stored-image.ts'

export type ToChecker =
  | (RestoreEvent & { readonly database: string })
  /** A backup came to be between the two times. */
  | { readonly kind: 'appeared'; database: string; key: string; id: number; from: number; to: number }
  /** An export came to be between the two times. */
  | { readonly kind: 'exported'; database: string; id: number; commits: number; from: number; to: number }
  /** The database has a new writer, which notes its commits in another file. */
  | { readonly kind: 'log'; readonly database: string; readonly path: string }
  | { readonly kind: 'check'; readonly question: number; readonly key: string; readonly backup: StoredBackup }
  | { readonly kind: 'compare'; readonly question: number; readonly path: string; readonly id: number }
  | { readonly kind: 'gone'; readonly key: string }
  | { readonly kind: 'finish'; readonly question: number }

/** With the time at which it was sent: everything before it was sent before. */
export type Sent = ToChecker & { readonly at: number }

export interface FromChecker {
  readonly question: number | null
  readonly problems: readonly string[]
}

const [scratch = '', keyPath = '', logs = '{}'] = process.argv.slice(2)

const subjects = new Map(
  Object.entries(JSON.parse(logs) as Record<string, string>).map(([name, log]) => [name, new Subject(log)]),
)
/** The states that each backup can hold, with their commits, by what it keeps wherever and however it is stored. */
const expected = new Map<string, ReadonlyMap<number, number>>()

function subjectOf(database: string): Subject {
  const subject = subjects.get(database)
  if (subject === undefined) throw new Error(`There is no writer of ${database}`)
  return subject
}

function handle(message: Sent): void {
  const { at } = message
  if (message.kind === 'restoring' || message.kind === 'restored') subjectOf(message.database).add(message)
  else if (message.kind === 'gone') expected.delete(message.key)
  else if (message.kind === 'log') tell(null, subjectOf(message.database).continueWith(message.path, at))
  else if (message.kind === 'appeared') tell(null, appeared(message))
  else if (message.kind === 'exported') tell(null, exported(message))
  else if (message.kind === 'check') tell(message.question, check(message.backup, message.key))
  else if (message.kind === 'compare') tell(message.question, compare(message.path, message.id))
  else
    tell(
      message.question,
      [...subjects.values()].flatMap(subject => subject.catchUp(at)),
    )
}

function tell(question: number | null, problems: readonly string[]): void {
  const message: FromChecker = { question, problems }
  process.send?.(message)
}

/** Notes what the backup can hold, while that is known, and compares the number in its header with it at once. */
function appeared({ database, key, id, from, to, at }: Extract<Sent, { kind: 'appeared' }>): string[] {
  const subject = subjectOf(database)
  const problems = [...subject.catchUp(at)]
  const possible = subject.timeline.possibleWithin(from, to)
  expected.set(key, possible)
  if (!possible.has(id)) problems.push(`${key} holds state ${id}, not one of ${[...possible.keys()].join()}`)
  return problems
}

/** An export of a live database holds one commit of its time, and its rows are that commit's. */
function exported({
  database,
  id,
  commits,
  from,
  to,
  at,
}: Extract<Sent, { kind: 'exported' }>): readonly string[] {
  const subject = subjectOf(database)
  const problems = [...subject.catchUp(at)]
  const possible = subject.timeline.possibleWithin(from, to)
  if (possible.get(id) === commits) return problems
  const told = JSON.stringify([...possible])
  return [
    ...problems,
    `An export of ${database} holds state ${id} with ${commits} commits, not one of ${told}`,
  ]
}

/** Reads it all back, and restores it by hand: a copy of it is a database that can be written. */
function check(backup: StoredBackup, key: string): string[] {
  const opened = join(scratch, 'opened.db')
  try {
    const image = openStored(backup.path, keyPath, opened)
    return [...metadataProblems(backup), ...imageProblems(image, backup), ...contentProblems(image, key)].map(
      problem => `${backup.path}: ${problem}`,
    )
  } finally {
    rmSync(opened, { force: true })
  }
}

function contentProblems(image: string, key: string): string[] {
  const { mark, commits, problems } = examine(image)
  const possible = expected.get(key)
  const found = [...problems]
  if (possible?.get(mark) !== commits) {
    found.push(
      `it holds state ${mark} with ${commits} commits, not one of ${JSON.stringify([...(possible ?? [])])}`,
    )
  }
  return [...found, ...problemsOfCopy(image)]
}

function problemsOfCopy(path: string): readonly string[] {
  const copy = join(scratch, 'by-hand.db')
  copyFileSync(path, copy)
  const connection = new DatabaseSync(copy)
  try {
    commitToLedger(connection)
    return examineOpen(connection).problems
  } finally {
    connection.close()
    for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(copy + suffix, { force: true })
  }
}

/** What was restored to a new place is whole and the state that the backup holds. */
function compare(path: string, id: number): string[] {
  const { mark, problems } = examine(path)
  const all = mark === id ? problems : [...problems, `it is state ${mark}, the backup was state ${id}`]
  return all.map(problem => `${path}: ${problem}`)
}

process.on('message', (message: Sent) => {
  try {
    handle(message)
  } catch (error) {
    tell('question' in message ? message.question : null, [`${message.kind}: ${String(error)}`])
  }
})
process.on('disconnect', () => process.exit(0))
