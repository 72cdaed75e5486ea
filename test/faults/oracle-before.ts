/** What was there before a crash, and the source, which nobody may change. */
import { existsSync, lstatSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type Scene, treeOf } from '../restore/scene.ts'
import { auditText } from './oracle-audit.ts'
import { publishedIn, type Stored } from './oracle-stored.ts'

export interface Before {
  /** The content, mode and times of each file beside the database. */
  readonly data: Readonly<Record<string, string>>
  /** The same of each stored image and metadata, without times. */
  readonly stored: Readonly<Record<string, string>>
  /** Of metadata, keys in which the operation notes what it did: they do not count in `stored`. */
  readonly notes: readonly string[]
  /** The audit log. */
  readonly audit: string
  /** SQLite cannot read what is there, or nothing is: so its files themselves have to be kept. */
  readonly isUnreadable: boolean
  /** An earlier restore has already got as far as the new state. */
  readonly isNew: boolean
}

export interface Findings {
  readonly violations: readonly string[]
  /** What became of it: `absent`, `image alone`, `complete`; `old`, `new`; `same`; `nothing done`, `half done`, `done`. */
  readonly state: string
}

/** What an operation may have done, by what is stored, what was there before, and what it answered. */
export type Examiner = (scene: Scene, before: Before, stored: Stored, answer: string) => Findings

export type Sight = Pick<Before, 'isUnreadable'> & Partial<Pick<Before, 'notes'>>

export const DATA: readonly string[] = ['app.db', 'app.db-wal', 'app.db-shm', 'app.db-journal']
/** What holds content; a WAL index is made anew from its WAL. */
export const CONTENT: readonly string[] = ['app.db', 'app.db-wal', 'app.db-journal']

export function lookBefore(scene: Scene, { isUnreadable, notes = [] }: Sight): Before {
  return {
    data: treeOf(dataOf(scene), { withTimes: true }),
    stored: publishedIn(scene.backupDir, notes),
    notes,
    audit: auditText(scene),
    isUnreadable,
    isNew: false,
  }
}

/** What a run finds that follows a crash: the database's files as they were before both, and what is stored by now. */
export function lookBetween(scene: Scene, before: Before, state: string): Before {
  const stored = publishedIn(scene.backupDir, before.notes)
  return { ...before, stored, audit: auditText(scene), isNew: state === 'new' }
}

/** What nobody may change: the source's bytes, modes and times. An empty WAL beside it is no content. */
export function changedContent(scene: Scene, before: Before): string[] {
  const data = treeOf(dataOf(scene), { withTimes: true })
  return CONTENT.flatMap(name => {
    if (before.data[name] === data[name]) return []
    const isEmptyWal = name === 'app.db-wal' && before.data[name] === undefined && sizeOf(scene, name) === 0
    return isEmptyWal ? [] : [`the source's ${name} was changed`]
  })
}

export function dataOf(scene: Scene): string {
  return dirname(scene.databasePath)
}

function sizeOf(scene: Scene, name: string): number {
  const path = join(dataOf(scene), name)
  return existsSync(path) ? lstatSync(path).size : 0
}
