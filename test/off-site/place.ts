/** A directory with a ledger, its backups, and targets that are directories beside them. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, Database, type DatabaseOptions, type TargetConfig } from '../../src/index.ts'
import { succeeded } from '../support/product.ts'
import { buildLedger, type LedgerForm } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export interface Place {
  readonly databasePath: string
  readonly backupDir: string
  readonly config: string
  readonly path: (...parts: string[]) => string
  /** The product, which works in this process. */
  database(options?: DatabaseOptions): Database
  /** Writes the configuration anew. */
  configure(config: Config): void
  /** Files below a directory, but for locks, the audit log, its anchors and what is cached. */
  files(...parts: string[]): string[]
}

/** A target that is a directory of its name. */
export function local(path: string, more: Partial<TargetConfig> = {}): TargetConfig {
  return { kind: 'local', path, ...more } as TargetConfig
}

/** @param targets each gets a directory; a name with `!` in front is one whose directory is not there */
export function openPlace(
  targets: readonly string[] = ['far'],
  config: Config = {},
  ledger: LedgerForm | null = {},
): Place {
  const directory = temporaryDirectory()
  const path = (...parts: string[]): string => join(directory, ...parts)
  const names = targets.map(name => name.replace('!', ''))
  for (const name of targets) if (!name.startsWith('!')) mkdirSync(path(name))
  const place: Place = {
    databasePath: path('app.db'),
    backupDir: path('backups'),
    config: path('config.json'),
    path,
    database: options =>
      new Database({
        path: path('app.db'),
        backupDir: path('backups'),
        config: path('config.json'),
        engine: 'here',
        ...options,
      }),
    configure: changed => writeFileSync(path('config.json'), JSON.stringify(changed)),
    files: (...parts) => filesIn(path(...parts)),
  }
  place.configure({
    targets: Object.fromEntries(names.map(name => [name, local(name)])),
    timeZone: 'UTC',
    ...config,
  })
  if (ledger !== null) buildLedger(place.databasePath, ledger)
  return place
}

function filesIn(directory: string): string[] {
  if (!existsSync(directory)) return []
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1))
    .filter(
      name => !/^(?:\.chame-backup\.lock|\.chame-audit\.lock|audit\.|audit-anchors\/|targets\/)/.test(name),
    )
    .toSorted()
}

/** The JSON of a file. */
export function readJson(path: string): Record<string, unknown> {
  return JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
}

/** File names of what is listed, newest first. */
export async function namesAt(place: Place, target?: string): Promise<string[]> {
  const listed = await place.database().listBackups(target === undefined ? {} : { target })
  return listed.map(({ filename }) => filename)
}

/** Makes backups one after another; returns their file names. */
export async function makeBackups(place: Place, count: number, type = 'manual'): Promise<string[]> {
  const names: string[] = []
  for (let index = 0; index < count; index++) {
    const made = succeeded(await place.database().createBackup({ backupType: type, copy: false }))
    names.push(made.filename)
  }
  return names
}
