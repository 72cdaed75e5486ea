import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type {
  BackupDrilled,
  BackupInfo,
  Database,
  DrillBackupRequest,
  Failure,
  RunOptions,
} from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { protect, succeeded } from '../support/product.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

export const ROWS = 20_000

/** A database of a few megabytes with one backup, and what a drill must leave alone. */
export class Place {
  readonly directory: string = temporaryDirectory()
  readonly path: string = join(this.directory, 'app.db')
  readonly backupDir: string = join(this.directory, 'backups')

  constructor(sql: string = LARGE) {
    buildDatabase(this.path, sql)
  }

  database(engine: 'here' | 'process' = 'here'): Database {
    return protect(this.path, { engine })
  }

  drill(
    request: DrillBackupRequest & RunOptions & { readonly backup?: string } = {},
    engine: 'here' | 'process' = 'here',
  ): Promise<BackupDrilled | Failure> {
    return this.database(engine).drillBackup(request)
  }

  /** A backup made as `request` says; its stored file's path. */
  async backUp(request: Parameters<Database['createBackup']>[0] = {}): Promise<string> {
    return succeeded(await this.database().createBackup(request)).backupPath
  }

  async newest(): Promise<BackupInfo> {
    return (await this.database().listBackups())[0] as BackupInfo
  }

  metadataOf(filename: string): Record<string, unknown> {
    const text = readFileSync(join(this.backupDir, 'metadata', `${filename}.json`), 'utf8')
    return JSON.parse(text) as Record<string, unknown>
  }

  /** The protected database's files, byte for byte. */
  protectedFiles(): Record<string, string> {
    const names = readdirSync(this.directory).filter(name => name.startsWith('app.db'))
    return Object.fromEntries(
      names.map(name => [name, readFileSync(join(this.directory, name)).toString('base64')]),
    )
  }

  /** Scratch directories, and staging ones, anywhere below the backup directory or `elsewhere`. */
  leftovers(elsewhere?: string): string[] {
    const roots = [this.backupDir, ...(elsewhere === undefined ? [] : [elsewhere])].filter(existsSync)
    return roots.flatMap(filesBelow).filter(name => /\.chame-(work|backup)-[^/]*$/.test(name))
  }
}

const LARGE = `
  CREATE TABLE t (a, b);
  WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})
  INSERT INTO t SELECT i, hex(randomblob(100)) FROM n;
  CREATE TABLE constructor (a);
`
