/**
 * The soak's checker, in a process of its own and without the product: knows from the writers' logs and from
 * when restores ran which states each backup can hold, and looks whether it holds one of them.
 *
 * Usage: fork('soak-checker.ts', [scratch directory, key file, '{"<database>": "<its writer's log>", …}'])
 */
import { closeSync, copyFileSync, openSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { commitToLedger } from '../support/ledger.ts'
import { Timeline } from './soak-timeline.ts'
import { examine, examineOpen, imageProblems, metadataProblems, type StoredBackup } from './stored-backup.ts'
import { openStored } from './stored-image.ts'

export type ToChecker =
  | { readonly kind: 'restoring'; readonly database: string; readonly time: number; key: string; id: number }
  | {
      readonly kind: 'restored'
      readonly database: string
      readonly time: number
      readonly key: string
      readonly isDone: boolean
    }
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

export interface FromChecker {
  readonly question: number | null
  readonly problems: readonly string[]
}

type Event = Extract<ToChecker, { readonly kind: 'restoring' | 'restored' }>

const [scratch = '', keyPath = '', logs = '{}'] = process.argv.slice(2)

/** One database: its writer's log as far as it was read, and what follows from it. */
class Subject {
  readonly timeline: Timeline = new Timeline()
  #log: string
  #fd: number
  #position = 0
  #rest = ''
  #told = 0
  readonly #events: Event[] = []

  constructor(log: string) {
    this.#log = log
    this.#fd = openSync(log, 'a+')
  }

  /** Goes on with another log; the one that was read is of no more use. */
  continueWith(log: string): readonly string[] {
    const news = this.catchUp()
    closeSync(this.#fd)
    rmSync(this.#log)
    this.#log = log
    this.#fd = openSync(log, 'a+')
    this.#position = 0
    this.#rest = ''
    return news
  }

  add(event: Event): void {
    this.#events.push(event)
  }

  /** Takes in everything up to now, in the order in which it happened. */
  catchUp(): readonly string[] {
    for (const line of this.#newLines()) {
      const [kind = '', time = 0, ...numbers] = line
        .split(' ')
        .map((word, i) => (i === 0 ? word : Number(word)))
      this.#applyEvents(Number(time))
      const [id = 0, commits = 0, parent = 0] = numbers.map(Number)
      if (kind === 'u') this.timeline.found(Number(time), id, commits)
      if (kind === 'b') this.timeline.committing(Number(time), id, commits, parent)
      if (kind === 'a') this.timeline.committed(Number(time), id)
    }
    this.#applyEvents(Infinity)
    const news = this.timeline.problems.slice(this.#told).map(problem => `${this.#log}: ${problem}`)
    this.#told = this.timeline.problems.length
    return news
  }

  #newLines(): string[] {
    const bytes = Buffer.alloc(1 << 16)
    const lines: string[] = []
    for (;;) {
      const got = readSync(this.#fd, bytes, 0, bytes.length, this.#position)
      if (got === 0) return lines
      this.#position += got
      const parts = (this.#rest + bytes.toString('latin1', 0, got)).split('\n')
      this.#rest = parts.pop() ?? ''
      lines.push(...parts)
    }
  }

  #applyEvents(until: number): void {
    while ((this.#events[0]?.time ?? Infinity) <= until) {
      const event = this.#events.shift()
      if (event === undefined) return
      if (event.kind === 'restoring') this.timeline.restoring(event.time, event.key, event.id)
      else this.timeline.restored(event.time, event.key, event.isDone)
    }
  }
}

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

function handle(message: ToChecker): void {
  if (message.kind === 'restoring' || message.kind === 'restored') subjectOf(message.database).add(message)
  else if (message.kind === 'gone') expected.delete(message.key)
  else if (message.kind === 'log') tell(null, subjectOf(message.database).continueWith(message.path))
  else if (message.kind === 'appeared') tell(null, appeared(message))
  else if (message.kind === 'exported') tell(null, exported(message))
  else if (message.kind === 'check') tell(message.question, check(message.backup, message.key))
  else if (message.kind === 'compare') tell(message.question, compare(message.path, message.id))
  else
    tell(
      message.question,
      [...subjects.values()].flatMap(subject => subject.catchUp()),
    )
}

function tell(question: number | null, problems: readonly string[]): void {
  const message: FromChecker = { question, problems }
  process.send?.(message)
}

/** Notes what the backup can hold, while that is known, and compares the number in its header with it at once. */
function appeared({ database, key, id, from, to }: Extract<ToChecker, { kind: 'appeared' }>): string[] {
  const subject = subjectOf(database)
  const problems = [...subject.catchUp()]
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
}: Extract<ToChecker, { kind: 'exported' }>): readonly string[] {
  const subject = subjectOf(database)
  const problems = [...subject.catchUp()]
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

process.on('message', (message: ToChecker) => {
  try {
    handle(message)
  } catch (error) {
    tell('question' in message ? message.question : null, [`${message.kind}: ${String(error)}`])
  }
})
process.on('disconnect', () => process.exit(0))
