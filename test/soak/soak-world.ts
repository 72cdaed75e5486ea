/** What a soak works on: three databases of different kinds, their backups on two file systems, and its log. */
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Encoding } from '../../src/index.ts'
import { openDatabase } from '../support/databases.ts'
import { makeLedger } from '../support/ledger.ts'
import { hasTool, isRoot, run } from '../support/requirements.ts'
import { now } from './soak-clock.ts'
import { recordedOf, type StoredBackup, storedBackups } from './stored-backup.ts'

export interface Protected {
  readonly name: string
  readonly path: string
  readonly backupDir: string
  /** A target that its backups are copied to when they are told to be: a directory. */
  readonly mirror: string
  readonly config: string
  readonly writes: 'plain' | 'rebuilding'
}

export interface World {
  readonly directory: string
  /** The identity that opens what is encrypted. */
  readonly keyPath: string
  /** How backups can be stored here: encrypted only where there is age. */
  readonly encodings: readonly Encoding[]
  readonly databases: readonly Protected[]
  /** A small file system of its own for backups, which can be full; null without root. */
  readonly smallDisk: string | null
  readonly log: (what: string, details?: unknown) => void
  /** What must not be, so far. */
  readonly problems: readonly string[]
  readonly fail: (problem: string) => void
}

/** What a cleanup keeps of each type. */
export const KEPT = 8
/** Holds what is kept of the backups there, several times over. */
const SMALL_DISK_BYTES = 96 << 20

/** @param logPath where every event goes, with its time */
export function makeWorld(directory: string, logPath: string): World {
  const path = (...parts: string[]): string => join(directory, ...parts)
  for (const name of ['data', 'store', 'plain', 'restored', 'scratch', 'mirror-store', 'mirror-plain'])
    mkdirSync(path(name))
  if (isRoot)
    run('mount', ['-t', 'tmpfs', '-o', `size=${SMALL_DISK_BYTES},mode=0700`, 'tmpfs', path('store')])
  const keyPath = path('key.txt')
  const hasAge = hasTool('age-keygen')
  if (hasAge) run('age-keygen', ['-o', keyPath])
  const encryption = {
    recipients: hasAge ? [run('age-keygen', ['-y', keyPath]).trim()] : [],
    identities: [{ file: keyPath }],
  }
  const retention = { types: { manual: { keepLast: KEPT }, pre_restore: { keepLast: KEPT } } }
  for (const store of ['store', 'plain']) {
    const targets = { mirror: { kind: 'local', path: path(`mirror-${store}`) } }
    writeFileSync(
      path(`${store}.config.json`),
      JSON.stringify({
        waitForLockMs: 60_000,
        retention,
        targets,
        ...(hasAge ? { encryption } : {}),
      }),
    )
  }
  const started = now()
  const database = (name: string, store: string, writes: Protected['writes']): Protected => ({
    name,
    path: path('data', `${name}.db`),
    backupDir: path(store),
    mirror: path(`mirror-${store}`),
    config: path(`${store}.config.json`),
    writes,
  })
  const databases = [
    database('logged', 'store', 'plain'),
    database('rolled', 'plain', 'plain'),
    database('rebuilt', 'store', 'rebuilding'),
  ]
  build(databases[0]?.path ?? '', 'wal', 0)
  build(databases[1]?.path ?? '', 'delete', 6_000_000)
  build(databases[2]?.path ?? '', 'wal', 1_500_000)
  const log: World['log'] = (what, details) => {
    const seconds = ((now() - started) / 1e6).toFixed(3)
    appendFileSync(
      logPath,
      `${seconds} ${what}${details === undefined ? '' : ` ${JSON.stringify(details)}`}\n`,
    )
  }
  const problems: string[] = []
  return {
    directory,
    keyPath,
    encodings: ['plain', 'zstd', 'blocks', ...(hasAge ? (['zstd+age'] as const) : [])],
    databases,
    smallDisk: isRoot ? path('store') : null,
    log,
    problems,
    fail(problem) {
      problems.push(problem)
      log('PROBLEM', problem)
    },
  }
}

/** Ends the small disk; everything else is the test's directory. */
export function endWorld({ smallDisk, databases }: World): void {
  for (const { backupDir } of databases) if (existsSync(backupDir)) chmodSync(backupDir, 0o700)
  if (smallDisk !== null) run('umount', ['-l', smallDisk])
}

/** The backups of one database, or their copies at its mirror, oldest first. */
export function backupsOf({ name, backupDir }: Protected, place: string = backupDir): StoredBackup[] {
  const key = ({ stem }: StoredBackup): string => {
    const [, date = '', count = '1'] = /_(\d{8}_\d{6})(?:_(\d+))?$/.exec(stem) ?? []
    return `${date} ${count.padStart(6, '0')}`
  }
  return storedBackups(place)
    .filter(({ path }) => basename(path).startsWith(`${name}_backup_`))
    .toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
}

/** The number of the state that a stored backup holds: its own where it is plain, else what was recorded of it. */
export function idOf(backup: StoredBackup): number | null {
  try {
    if (backup.path.endsWith('.db')) return readFileSync(backup.path).readInt32BE(60)
    return recordedOf(backup)?.id ?? null
  } catch {
    // It has just been converted, or deleted.
    return null
  }
}

function build(path: string, journalMode: 'wal' | 'delete', ballastBytes: number): void {
  const connection = openDatabase(path, { journalMode })
  makeLedger(connection)
  connection.exec(`CREATE TABLE ballast (a); INSERT INTO ballast VALUES (randomblob(${ballastBytes}))`)
  connection.close()
}
