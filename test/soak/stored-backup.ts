/**
 * Looking at stored backups without the product: with `node:fs` and `node:sqlite` alone, by what
 * docs/formats.md says of them. So a mistake that the product makes twice is still found out.
 */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'
import { ledgerProblems, readLedger } from '../support/ledger.ts'

export interface StoredBackup {
  readonly filename: string
  /** Without what tells the encoding: a backup that is converted keeps it. */
  readonly stem: string
  readonly path: string
  readonly metadataPath: string
}

/** What a database says of itself, and what is wrong with it: an empty list for a whole ledger. */
export interface Examined {
  /** `PRAGMA user_version`: the mark of the commit. */
  readonly mark: number
  /** The ledger's own count of commits; null for a database without a schema. */
  readonly commits: number | null
  /** The tables beside the ledger's, with their rows. */
  readonly others: Readonly<Record<string, number>>
  readonly problems: readonly string[]
}

const LEDGER_TABLES: readonly string[] = ['accounts', 'log', 'payload', 'state']

const NAME = /^(.+_backup_(.+)_\d{8}_\d{6}(?:_\d+)?)\.db(?:\.zst|\.zst\.age|\.blocks)?$/

/** Every backup that exists, which is: every metadata file with a name of its own. */
export function storedBackups(backupDir: string): StoredBackup[] {
  const directory = join(backupDir, 'metadata')
  return namesIn(directory)
    .filter(name => name.endsWith('.json') && !name.startsWith('.'))
    .map(name => {
      const filename = name.slice(0, -'.json'.length)
      const [, stem = filename, type = ''] = NAME.exec(filename) ?? []
      return { filename, stem, path: join(backupDir, type, filename), metadataPath: join(directory, name) }
    })
}

/** When it was made, and the number of the state that it holds, as its metadata says; null for one that has just gone. */
export function recordedOf({ metadataPath }: StoredBackup): { readonly created: string; id: number } | null {
  try {
    const { created_at: created, database_version: version } = JSON.parse(
      readFileSync(metadataPath, 'utf8'),
    ) as { readonly created_at: string; readonly database_version: string }
    return { created, id: Number(version) }
  } catch {
    return null
  }
}

/** What is wrong with a stored backup beside its content: it is what its metadata says, byte for byte. */
export function metadataProblems({ path, metadataPath }: StoredBackup): string[] {
  const metadata = JSON.parse(readFileSync(metadataPath, 'utf8')) as Record<string, unknown>
  const bytes = readFileSync(path)
  const found = {
    file_size: bytes.length,
    checksum: createHash('sha256').update(bytes).digest('hex'),
    ...(path.endsWith('.db') ? factsOf(bytes) : {}),
  }
  return differencesFrom(metadata, found)
}

/** Where an image is not what the metadata of its backup says, however it is stored. */
export function imageProblems(image: string, { metadataPath }: StoredBackup): string[] {
  const bytes = readFileSync(image)
  const metadata = JSON.parse(readFileSync(metadataPath, 'utf8')) as Record<string, unknown>
  const found = {
    image_size: bytes.length,
    image_checksum: createHash('sha256').update(bytes).digest('hex'),
    ...factsOf(bytes),
  }
  return differencesFrom(metadata, found)
}

function factsOf(image: Buffer): { readonly database_version: string } {
  return { database_version: image.length === 0 ? '0' : String(image.readInt32BE(60)) }
}

function differencesFrom(
  metadata: Readonly<Record<string, unknown>>,
  found: Readonly<Record<string, unknown>>,
): string[] {
  return Object.entries(found).flatMap(([key, value]) =>
    metadata[key] === value ? [] : [`${key} is ${String(value)}, the metadata says ${String(metadata[key])}`],
  )
}

/** Opens a database that nobody writes and checks it as SQLite and as a ledger. */
export function examine(path: string): Examined {
  const url = pathToFileURL(path)
  url.searchParams.set('immutable', '1')
  const connection = new DatabaseSync(url, { readOnly: true })
  try {
    return examineOpen(connection)
  } catch (error) {
    return { mark: -1, commits: null, others: {}, problems: [String(error)] }
  } finally {
    connection.close()
  }
}

/** The same for a connection, which may see content in a WAL. */
export function examineOpen(connection: DatabaseSync): Examined {
  const integrity = connection.prepare('PRAGMA integrity_check').all()
  const problems = integrity.map(row => String(row['integrity_check'])).filter(text => text !== 'ok')
  const mark = Number(connection.prepare('PRAGMA user_version').get()?.['user_version'])
  const tables = connection
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .all()
    .map(row => String(row['name']))
  if (tables.length === 0 || problems.length > 0) return { mark, commits: null, others: {}, problems }
  const others = tables.filter(name => !LEDGER_TABLES.includes(name))
  const rowsOf = (name: string): number =>
    Number(connection.prepare(`SELECT count(*) AS rows FROM "${name}"`).get()?.['rows'])
  return {
    mark,
    commits: readLedger(connection).commits,
    others: Object.fromEntries(others.map(name => [name, rowsOf(name)])),
    problems: ledgerProblems(connection),
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
