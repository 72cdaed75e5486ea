/** A ledger whose backups are encrypted, and the keys to them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type BackupInfo,
  type Config,
  Database,
  type DatabaseOptions,
  generateKeys,
} from '../../src/index.ts'
import { buildLedger, type LedgerForm } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export interface Place {
  readonly directory: string
  readonly databasePath: string
  readonly backupDir: string
  /** Opens what is encrypted to the configuration's recipients. */
  readonly identity: string
  /** The recipient of that identity. */
  readonly recipient: string
  readonly path: (...parts: string[]) => string
  /** The product with a configuration: by default one that knows the recipient, but not the identity. */
  product(config?: Config, options?: DatabaseOptions): Database
}

export interface PlaceOptions extends LedgerForm {
  /** False: there is no database yet. */
  readonly isFilled?: boolean
}

export const COMMITS = 20

export async function openPlace({ isFilled = true, ...form }: PlaceOptions = {}): Promise<Place> {
  const directory = temporaryDirectory()
  const path = (...parts: string[]): string => join(directory, ...parts)
  const [databasePath, backupDir] = [path('data', 'app.db'), path('backups')]
  mkdirSync(path('data'))
  if (isFilled) buildLedger(databasePath, { commits: COMMITS, ...form })
  const { recipient, identityPath } = succeeded(await generateKeys({ output: path('key.txt') }))
  let configs = 0
  return {
    directory,
    databasePath,
    backupDir,
    identity: identityPath as string,
    recipient,
    path,
    product(config = {}, options = {}) {
      const file = path(`${configs++}.config.json`)
      writeFileSync(file, JSON.stringify({ encryption: { recipients: [recipient] }, ...config }))
      return new Database({ path: databasePath, backupDir, config: file, ...options })
    },
  }
}

/** The only backup there is, or the newest. */
export async function newest(database: Database): Promise<BackupInfo> {
  const [backup] = await database.listBackups()
  if (backup === undefined) throw new Error('there is no backup')
  return backup
}
