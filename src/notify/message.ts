/** What an event says to a person: which database, what failed, since when, what to do. Reads no clock, sends nothing. */
import { roughSize } from '../storage/sizes.ts'
import type { DigestEntry, NotifyEvent } from './event.ts'
import { oneLine, plainText } from './text.ts'
import { moment, span } from './time.ts'

/** Plain text; every channel makes its own form of it. */
export interface Message {
  /** One line. */
  readonly subject: string
  readonly body: string
  /** `bad`: somebody must act; `good`: what was bad no longer is; `info`: everything else. */
  readonly level: 'bad' | 'good' | 'info'
}

export interface WordingOptions {
  /** Name of this machine: databases of the same name live on many. */
  readonly host: string
  /** IANA name; undefined means the system's. */
  readonly timeZone: string | undefined
}

/** Enough for a path and a reason; more would hide what to do. */
const MESSAGE_MAX = 1000
const HINT_MAX = 500
const NAME_MAX = 64
const NOTHING_TO_DO = 'What to do: nothing.'

type EventOf<Kind extends NotifyEvent['kind']> = Extract<NotifyEvent, { kind: Kind }>

export function wordEvent(event: NotifyEvent, options: WordingOptions): Message {
  const { subject, lines, level } = word(event, options)
  const body = [...lines, '', `Host: ${oneLine(options.host, NAME_MAX)}`].join('\n')
  return { subject, body, level }
}

interface Worded {
  readonly subject: string
  readonly lines: readonly string[]
  readonly level: Message['level']
}

function word(event: NotifyEvent, options: WordingOptions): Worded {
  switch (event.kind) {
    case 'job-started':
      return info(`${jobOf(event)} started`, [`Started: ${moment(event.at, options.timeZone)}`])
    case 'job-succeeded':
      return info(`${jobOf(event)} succeeded`, [
        `Finished: ${moment(event.at, options.timeZone)}, after ${span(event.durationMs)}`,
      ])
    case 'failed':
      return wordFailure(event, options)
    case 'recovered':
      return {
        subject: `${jobOf(event)} works again`,
        lines: [
          `It failed from ${moment(event.failedSince, options.timeZone)} to ${moment(event.at, options.timeZone)} (${between(event.failedSince, event.at)}).`,
          NOTHING_TO_DO,
        ],
        level: 'good',
      }
    case 'overdue':
      return wordOverdue(event, options)
    case 'digest':
      return wordDigest(event, options)
    case 'test':
      return info('chame-backup: this is a test', [
        `This channel works: ${moment(event.at, options.timeZone)}.`,
        'It is how you will be told when a backup fails.',
        NOTHING_TO_DO,
      ])
  }
}

function info(subject: string, lines: readonly string[]): Worded {
  return { subject, lines, level: 'info' }
}

function wordFailure(event: EventOf<'failed'>, { timeZone }: WordingOptions): Worded {
  const database = nameOf(event.database)
  const tries = event.attempts > 1 ? `, ${event.attempts} attempts` : ''
  const hint = event.hint === undefined ? '' : plainText(event.hint, HINT_MAX)
  return {
    subject: `${jobOf(event)} failed`,
    lines: [
      `What failed: job ${nameOf(event.job)} of database ${database}, at ${moment(event.at, timeZone)}`,
      `Why: ${plainText(event.message, MESSAGE_MAX)} (${oneLine(event.code, NAME_MAX)})`,
      `Since: ${moment(event.failingSince, timeZone)} (${between(event.failingSince, event.at)}${tries})`,
      `What to do: ${hint === '' ? `see its state with: chame-backup info --database ${database}` : hint}`,
    ],
    level: 'bad',
  }
}

function wordOverdue(event: EventOf<'overdue'>, { timeZone }: WordingOptions): Worded {
  const database = nameOf(event.database)
  const { lastGoodAt, at } = event
  const allowed = span(event.maxAgeHours * 3_600_000)
  return {
    subject:
      lastGoodAt === null
        ? `${database}: there is no good backup`
        : `${database}: no good backup for ${between(lastGoodAt, at)}`,
    lines: [
      lastGoodAt === null
        ? `What failed: database ${database} has no good backup at all; it must have one every ${allowed}`
        : `What failed: the last good backup of database ${database} is older than ${allowed}`,
      ...(lastGoodAt === null ? [] : [`Since: ${moment(lastGoodAt, timeZone)}, when it was made`]),
      `What to do: make one now with: chame-backup create --database ${database}`,
      'If that works, look why the scheduler did not: is it running, and is its log quiet?',
    ],
    level: 'bad',
  }
}

const VERDICTS: Readonly<Record<DigestEntry['verdict'], { rank: number; label: string }>> = {
  failing: { rank: 0, label: 'FAILING' },
  'at-risk': { rank: 1, label: 'AT RISK' },
  protected: { rank: 2, label: 'protected' },
}

function wordDigest(event: EventOf<'digest'>, { timeZone }: WordingOptions): Worded {
  const { databases } = event
  const isProtected = ({ verdict }: DigestEntry): boolean => verdict === 'protected'
  const worstFirst = databases.toSorted((a, b) => VERDICTS[a.verdict].rank - VERDICTS[b.verdict].rank)
  const good = databases.filter(isProtected).length
  const [worst] = worstFirst.filter(entry => !isProtected(entry))
  return {
    subject:
      worst === undefined
        ? `Backups: all well, ${good} of ${databases.length} protected`
        : `Backups: ${databases.length - good} of ${databases.length} not protected`,
    lines: [
      `From ${moment(event.from, timeZone)} to ${moment(event.at, timeZone)}:`,
      '',
      ...worstFirst.map(entry => wordEntry(entry, event.at, timeZone)),
      '',
      worst === undefined
        ? NOTHING_TO_DO
        : `What to do: begin with chame-backup info --database ${nameOf(worst.database)}`,
    ],
    level: worst === undefined ? 'info' : 'bad',
  }
}

function wordEntry(entry: DigestEntry, at: Date, timeZone: string | undefined): string {
  const { verdict, database, lastGoodAt, backups, bytes, failures, lastDrill } = entry
  const facts = [
    lastGoodAt === null ? 'no good backup' : `last good backup ${between(lastGoodAt, at)} ago`,
    `${backups} ${backups === 1 ? 'backup' : 'backups'}, ${roughSize(bytes)}`,
    failures === 0 ? 'no failures' : `${failures} ${failures === 1 ? 'failure' : 'failures'}`,
    lastDrill === null
      ? 'never drilled'
      : `drill ${lastDrill.passed ? 'passed' : 'FAILED'} ${moment(lastDrill.at, timeZone)}`,
  ]
  return `${VERDICTS[verdict].label} ${nameOf(database)}: ${facts.join('; ')}`
}

function jobOf({ database, job }: { database: string; job: string }): string {
  return `${nameOf(database)}: ${nameOf(job)}`
}

function nameOf(name: string): string {
  return oneLine(name, NAME_MAX)
}

function between(from: Date, to: Date): string {
  return span(to.getTime() - from.getTime())
}
