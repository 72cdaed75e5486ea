/** An export without `includeSensitive` has no secret in it: its own bytes are searched for every one that was put in. */
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  type DataExported,
  type ExportDataRequest,
  type Progress,
  type RedactedColumn,
  type RedactionWay,
} from '../../src/index.ts'
import { REDACTIONS } from '../../src/export/model.ts'
import { withCopy } from '../support/intact.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { commandLines } from '../support/processes.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { allBytes, metadataIn, readExport } from './export-bytes.ts'
import { BY_CONTENT, BY_NAME, HARMLESS, makeSecretDatabase } from './secret-database.ts'
import { type Needle, secretsIn } from './secrets.ts'

const FORMS: readonly ExportDataRequest[] = [
  { format: 'json' },
  { format: 'json', pretty: true },
  { format: 'json', compress: 'zstd' },
  { format: 'ndjson' },
  { format: 'ndjson', compress: 'gzip' },
  { format: 'csv' },
  { format: 'csv', csv: { delimiter: ';', null: '\\N', excelSafe: true } },
  { format: 'csv', compress: 'zstd' },
  { format: 'csv', zip: true },
  { format: 'sql' },
  { format: 'sql', compress: 'gzip' },
  { format: 'parquet' },
  { format: 'parquet', zip: true },
  { format: 'sql', from: 'latest' },
  { format: 'json', salvage: true },
]
const named = FORMS.map(form => [JSON.stringify(form), form] as const)

class Scene {
  readonly directory: string = temporaryDirectory()
  readonly path: string = join(this.directory, 'secrets.db')
  readonly needles: readonly Needle[] = makeSecretDatabase(this.path)

  async export(request: ExportDataRequest = {}): Promise<DataExported> {
    if (request.from !== undefined) await backUp(this.path, {}, { engine: 'here' })
    return succeeded(await protect(this.path, { engine: 'here' }).exportData(request))
  }

  async import(from: string): Promise<string> {
    const to = join(this.directory, `${basename(from)}.new.db`)
    const imported = succeeded(await protect(this.path, { engine: 'here' }).importData({ from, to }))
    expect(imported.notes).toEqual([])
    return to
  }

  /** The secrets in `bytes`: of those that must not be there, none. */
  secretsIn(bytes: Buffer): string[] {
    return secretsIn(bytes, this.needles)
  }
}

function columnsOf(redacted: readonly RedactedColumn[]): string[] {
  return redacted.map(({ table, column }) => `${table}.${column}`).toSorted()
}

/** Every constraint holds; CHECK and NOT NULL are part of SQLite's integrity check. */
function expectSound(path: string): void {
  withCopy(path, connection => {
    expect(connection.prepare('PRAGMA integrity_check').all()).toEqual([{ integrity_check: 'ok' }])
    expect(connection.prepare('PRAGMA foreign_key_check').all()).toEqual([])
  })
}

/** An import of it is sound, free of secrets too, and what was tied is tied still. */
async function expectLoads(scene: Scene, exportPath: string): Promise<void> {
  const imported = await scene.import(exportPath)
  expectSound(imported)
  expect(scene.secretsIn(readFileSync(imported))).toEqual([])
  const joined = 'SELECT count(*) AS joined FROM events NATURAL JOIN sessions'
  expect(query(imported, joined)).toEqual([{ joined: 8n }])
  expect(query(imported, "SELECT count(*) AS found FROM titles_fts('Title')")).toEqual([{ found: 4n }])
}

function query(path: string, sql: string): Record<string, unknown>[] {
  return withCopy(path, connection => {
    const statement = connection.prepare(sql)
    statement.setReadBigInts(true)
    return statement.all()
  })
}

describe('what is sensitive', () => {
  test('every column that holds a secret is found, and none that only looks so', async () => {
    const scene = new Scene()
    const scan = succeeded(await protect(scene.path, { engine: 'here' }).scanSensitive())
    const found = scan.findings.map(({ table, column }) => `${table}.${column}`)
    expect(found.filter(name => HARMLESS.includes(name))).toEqual([])
    const by = (way: 'name' | 'content'): string[] =>
      scan.findings.filter(each => each.by === way).map(({ table, column }) => `${table}.${column}`)
    expect(by('name').toSorted()).toEqual([...BY_NAME].toSorted())
    // Generated columns hold the same as what they are computed from, and may be found by that.
    expect(by('content')).toEqual(expect.arrayContaining([...BY_CONTENT]))
    expect(scene.secretsIn(Buffer.from(JSON.stringify(scan)))).toEqual([])
  })

  test('words and exceptions of the configuration hold', async () => {
    const scene = new Scene()
    writeFileSync(
      join(scene.directory, 'chame.json'),
      JSON.stringify({
        export: {
          sensitiveWords: ['passenger'],
          notSensitive: ['accounts.pin', 'ACCOUNTS.salt'],
          redact: { 'accounts.author': 'mask' },
        },
      }),
    )
    const database = protect(scene.path, { engine: 'here', config: join(scene.directory, 'chame.json') })
    const exported = succeeded(await database.exportData())
    const redacted = columnsOf(exported.redacted)
    const { findings } = succeeded(await database.scanSensitive())
    const scanned = findings.map(({ table, column }) => `${table}.${column}`)
    expect(scanned).toContain('accounts.passenger')
    expect(scanned.filter(name => name === 'accounts.pin' || name === 'accounts.salt')).toEqual([])
    expect(redacted).toEqual(
      expect.arrayContaining(['accounts.passenger', 'accounts.author', 'accounts.password']),
    )
    expect(redacted).not.toEqual(expect.arrayContaining(['accounts.pin']))
    expect(redacted).not.toEqual(expect.arrayContaining(['accounts.salt']))
    // What the configuration says is for the safe case.
    const whole = succeeded(await database.exportData({ includeSensitive: true }))
    expect(whole.redacted).toEqual([])
  })
})

describe('an export', () => {
  test.each(named)('has no secret in it, and can be imported with all constraints: %s', async (_, form) => {
    const scene = new Scene()
    const exported = await scene.export(form)
    const files = await readExport(exported.exportPath)
    expect(scene.secretsIn(allBytes(files))).toEqual([])
    expect(allBytes(files).includes('nothing to hide')).toBe(true)
    expect(columnsOf(exported.redacted)).toEqual(expect.arrayContaining([...BY_NAME, ...BY_CONTENT]))
    expect(columnsOf(exported.redacted).filter(name => HARMLESS.includes(name))).toEqual([])
    const { redacted, left_out: leftOut, sensitive } = metadataIn(files)
    expect({ redacted, leftOut, sensitive }).toEqual({
      redacted: exported.redacted,
      leftOut: exported.leftOut,
      sensitive: false,
    })
    expect(leftOut.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['accounts_fts', 'notes_fts', 'notes_fts_content', 'words_fts', 'one',
        'one_kept', 'accounts_audit', 'accounts_fed', 'keys_fed', 'accounts_loud', 'accounts_otp', 'accounts_one']), // prettier-ignore
    )
    // A view shows what the columns hold now.
    for (const kept of ['titles_fts', 'logins', 'loginsAgain', 'authors', 'accounts_author'])
      expect(leftOut.map(({ name }) => name)).not.toContain(kept)
    if (form.format !== 'parquet') await expectLoads(scene, exported.exportPath)
  })

  // Without this the tests above would pass with a search that finds nothing.
  test.each(named)('with includeSensitive has every secret in it, and says so: %s', async (_, form) => {
    const scene = new Scene()
    const exported = await scene.export({ ...form, includeSensitive: true })
    const files = await readExport(exported.exportPath)
    const found = scene.secretsIn(allBytes(files))
    const derived = query(scene.path, 'SELECT ending FROM accounts').map(({ ending }) => String(ending))
    const missing = scene.needles.map(({ secret }) => secret).filter(secret => !found.includes(secret))
    // Samples of the statistics are left to ANALYZE, and generated values to SQLite.
    expect(missing.filter(secret => !derived.includes(secret) && !secret.startsWith('sample-'))).toEqual([])
    expect(exported).toMatchObject({ sensitive: true, redacted: [], leftOut: [] })
    expect(metadataIn(files)).toMatchObject({ sensitive: true, redacted: [], left_out: [] })
    expect(basename(exported.exportPath)).toMatch(/^secrets_export_\d{8}_\d{6}_sensitive(?:\.|$)/)
  })

  test('with includeSensitive is for its owner only, whatever the configuration says of other files', async () => {
    const scene = new Scene()
    writeFileSync(join(scene.directory, 'chame.json'), '{"fileMode": "0644", "directoryMode": "0755"}')
    const database = protect(scene.path, { engine: 'here', config: join(scene.directory, 'chame.json') })
    const modeOf = (path: string): number => statSync(path).mode & 0o777
    for (const request of [{ format: 'sql' }, { format: 'csv' }, { format: 'csv', zip: true }] as const) {
      const harmless = succeeded(await database.exportData(request))
      const sensitive = succeeded(await database.exportData({ ...request, includeSensitive: true }))
      const filesOf = ({ exportPath, files }: DataExported): string[] =>
        statSync(exportPath).isDirectory() ? files.map(name => join(exportPath, name)) : [exportPath]
      expect(new Set(filesOf(harmless).map(modeOf))).toEqual(new Set([0o644]))
      expect(new Set(filesOf(sensitive).map(modeOf))).toEqual(new Set([0o600]))
    }
  })
})

describe('a column that is redacted on request', () => {
  const everything = (how: RedactionWay): Record<string, RedactionWay> =>
    Object.fromEntries([...BY_NAME, ...BY_CONTENT].map(name => [name, how]))

  test.each(REDACTIONS)('holds no secret, and the result loads: %s', async how => {
    const scene = new Scene()
    for (const format of ['json', 'sql'] as const) {
      const exported = await scene.export({ format, redact: everything(how) })
      const files = await readExport(exported.exportPath)
      expect(scene.secretsIn(allBytes(files))).toEqual([])
      expect(metadataIn(files).redacted).toEqual(exported.redacted)
      expect(columnsOf(exported.redacted)).toEqual(expect.arrayContaining([...BY_NAME, ...BY_CONTENT]))
      await expectLoads(scene, exported.exportPath)
    }
  })

  test('is redacted in an export with sensitive data too, and what follows from it as well', async () => {
    const scene = new Scene()
    const exported = await scene.export({
      includeSensitive: true,
      redact: { 'sessions.session_token': 'hash' },
    })
    expect(exported).toMatchObject({ sensitive: true })
    expect(columnsOf(exported.redacted)).toEqual(['events.session_token', 'sessions.session_token'])
    const tokens = query(scene.path, 'SELECT session_token AS token FROM sessions').map(({ token }) => token)
    const left = scene.secretsIn(allBytes(await readExport(exported.exportPath)))
    expect(left.filter(secret => tokens.includes(secret))).toEqual([])
    expect(left.length).toBeGreaterThan(50)
  })

  test('has the same hashes in all exports with one key, and others without', async () => {
    const scene = new Scene()
    const tokens = async (key: string): Promise<unknown[]> => {
      process.env['CHAME_BACKUP_REDACTION_KEY'] = key
      const { exportPath } = await scene.export({ redact: { 'sessions.session_token': 'hash' } })
      const document = JSON.parse(readFileSync(exportPath, 'utf8')) as {
        tables: Record<string, Record<string, unknown>[]>
      }
      return document.tables['sessions']?.map(row => row['session_token']).toSorted() ?? []
    }
    onTestFinished(() => void delete process.env['CHAME_BACKUP_REDACTION_KEY'])
    const first = await tokens('a key of ours')
    expect(new Set(first).size).toBe(4)
    expect(await tokens('a key of ours')).toEqual(first)
    const others = [await tokens('another key'), await tokens(''), await tokens('')].flat()
    expect(new Set([...first, ...others]).size).toBe(16)
  })
})

describe('what is told while an export is made', () => {
  test('has no secret in it: progress, arguments of processes, result', async () => {
    const scene = new Scene()
    const told: (Progress | string)[] = []
    const exported = succeeded(
      await protect(scene.path).exportData({
        format: 'csv',
        onProgress: progress => told.push(progress, ...commandLines()),
      }),
    )
    expect(told.length).toBeGreaterThan(4)
    expect(scene.secretsIn(Buffer.from(JSON.stringify([told, exported])))).toEqual([])
  })

  test('has no secret in it: failures', async () => {
    const scene = new Scene()
    const connection = new DatabaseSync(scene.path)
    const value = scene.needles.find(({ secret }) => secret.startsWith('plain-'))?.secret ?? ''
    connection.exec(`CREATE TABLE stubborn (token TEXT NOT NULL CHECK (token = '${value}'));
      INSERT INTO stubborn VALUES ('${value}')`)
    connection.close()
    const database = protect(scene.path, { engine: 'here' })
    const stubborn = failedWith(
      'INVALID_ARGUMENT',
      await database.exportData({ redact: { 'stubborn.token': 'hash' } }),
    )
    expect(stubborn.message).toContain('stubborn.token')
    const unknown = failedWith(
      'INVALID_ARGUMENT',
      await database.exportData({ redact: { 'accounts.pasword': 'hash' } }),
    )
    expect(unknown.hint).toContain('password')
    expect(scene.secretsIn(Buffer.from(JSON.stringify([stubborn, unknown])))).toEqual([])
  })
})
