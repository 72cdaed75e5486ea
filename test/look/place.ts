/** A database with one backup of it, to look inside. */
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { expect } from 'vitest'
import { Database, type DatabaseOptions, type Failure } from '../../src/index.ts'
import { type DatabaseForm, openDatabase } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary.ts'

export interface LookPlace {
  readonly directory: string
  readonly path: string
  readonly backupDir: string
  readonly product: Database
  /** The live database, open as its application has it. */
  readonly app: DatabaseSync
}

/** Makes a database of `sql` and a backup of it; the application keeps it open until `close`. */
export async function backedUp(
  sql: string,
  form: DatabaseForm = {},
  options: DatabaseOptions = {},
): Promise<LookPlace & Disposable> {
  const directory = temporaryDirectory()
  const path = join(directory, 'app.db')
  const backupDir = join(directory, 'backups')
  const app = openDatabase(path, form)
  app.exec(sql)
  const product = new Database({ path, backupDir, engine: 'here', ...options })
  succeeded(await product.createBackup())
  return { directory, path, backupDir, product, app, [Symbol.dispose]: () => app.close() }
}

export function succeeded<T extends { readonly success: true }>(result: T | Failure): T {
  expect(result).toMatchObject({ success: true })
  return result as T
}

export function failed(result: { readonly success: boolean } | Failure): Failure {
  expect(result).toMatchObject({ success: false })
  return result as Failure
}
