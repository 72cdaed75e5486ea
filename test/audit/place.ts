/** A database with an audit log, and the files of it. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type AuditEntry,
  type AuditLogVerified,
  Database,
  type DatabaseOptions,
  type Failure,
} from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { expect } from 'vitest'

export class AuditPlace {
  readonly directory: string = temporaryDirectory()
  readonly path: string = join(this.directory, 'app.db')
  readonly backupDir: string = join(this.directory, 'backups')
  readonly log: string = join(this.backupDir, 'audit.jsonl')
  readonly head: string = join(this.backupDir, 'audit.head')
  readonly product: Database = this.database()

  constructor() {
    buildDatabase(
      this.path,
      "CREATE TABLE users (id INTEGER PRIMARY KEY, password TEXT); INSERT INTO users VALUES (1, 'SECRET')",
    )
  }

  database(options: DatabaseOptions = {}): Database {
    return new Database({ path: this.path, backupDir: this.backupDir, engine: 'here', ...options })
  }

  /** Lines without their ends. */
  lines(): string[] {
    return readFileSync(this.log, 'utf8').split('\n').slice(0, -1)
  }

  writeLines(lines: readonly string[]): void {
    writeFileSync(this.log, lines.map(line => `${line}\n`).join(''))
  }

  async entries(): Promise<readonly AuditEntry[]> {
    return succeeded(await this.product.auditLog({ limit: 1_000 })).entries
  }

  async verified(): Promise<AuditLogVerified> {
    return succeeded(await this.product.verifyAuditLog())
  }

  /** Notes so many actions of no consequence. */
  async note(count: number): Promise<void> {
    for (let i = 0; i < count; i++) await this.product.recordAction({ action: 'noted', parameters: { i } })
  }
}

/** A place whose log has so many entries of no consequence behind that of a backup. */
export async function noted(count: number): Promise<AuditPlace> {
  const place = new AuditPlace()
  succeeded(await place.product.createBackup())
  await place.note(count)
  return place
}

export function succeeded<T extends { readonly success: true }>(result: T | Failure): T {
  expect(result).toMatchObject({ success: true })
  return result as T
}
