import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Database } from '../../src/index.ts'
import { publish } from '../faults/figures.ts'
import { buildLedger } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { failedWith, protect, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { BUSY, buildHostile, endlessTree, TRICKED, UNKNOWN } from './hostile.ts'
import { expectRecorded } from './recorded.ts'
import { classOf, Judge } from './judge.ts'

/** Short, because what is asked here never ends; what must succeed is given the default, half an hour. */
const STALL_AFTER_MS = 1_500
/** Where the header says in which format the schema is; SQLite knows the formats up to 4. */
const SCHEMA_FORMAT_OFFSET = 44

test('a schema made to harm, or to be made sense of by its application alone, turns out as recorded', async () => {
  const directory = temporaryDirectory()
  const judge = new Judge(directory)
  const classes = new Map<string, string>()
  for (const [what, sql] of Object.entries({ ...UNKNOWN, ...TRICKED })) {
    const path = join(directory, 'hostile.db')
    buildHostile(path, sql)
    const bytes = readFileSync(path)
    const judgement = await judge.judge({ id: what, bytes })
    expect(judgement.broken, what).toEqual([])
    classes.set(`hostile/${what.replaceAll(' ', '-')}`, classOf(judgement))
    // A state of the database is told, or why not; at once in either case.
    const info = succeeded(await new Database({ path, backupDir: join(directory, 'b') }).info())
    expect(info.database === null, what).toBe(info.databaseProblem !== null)
  }
  publish({
    group: 'Malformed databases',
    what: 'hostile schemas',
    count: classes.size,
    unit: 'images',
    outcome: 'each as recorded, no crash, no hang',
  })
  expectRecorded('generated', classes)
}, 300_000)

test.each(Object.entries(BUSY))(
  'a database with %s does not hold up a backup or a verification for ever',
  async (_, sql) => {
    const directory = temporaryDirectory()
    const path = join(directory, 'busy.db')
    buildHostile(path, sql)
    const config = join(directory, 'config.json')
    writeFileSync(config, JSON.stringify({ stallAfterMs: STALL_AFTER_MS }))
    const database = protect(path, { config })
    for (const check of ['quick', 'full'] as const) {
      const made = await database.createBackup({ check })
      if (!made.success)
        expect(made).toMatchObject({ code: 'STALLED', message: expect.stringContaining('busy') as string })
    }
    const verified = await database.verifyBackup(path)
    expect(verified).toMatchObject({ success: false, code: 'STALLED' })
    // The next operation is not held up by the last.
    succeeded(await protect(path).createBackup({ check: 'none' }))
    succeeded(await protect(path).info())
  },
  120_000,
)

test('a b-tree whose rows cannot be counted to the end holds up nothing for ever', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'endless.db')
  endlessTree(path)
  const config = join(directory, 'config.json')
  writeFileSync(config, JSON.stringify({ stallAfterMs: STALL_AFTER_MS }))
  const database = protect(path)
  for (const check of ['quick', 'full'] as const)
    failedWith('DATABASE_DAMAGED', await database.createBackup({ check }))
  const info = succeeded(await protect(path, { config }).info())
  expect(info.database).toBeNull()
  expect(info.databaseProblem).toBeTruthy()
  const { backupPath } = succeeded(await database.createBackup({ check: 'none' }))
  expect(readFileSync(backupPath)).toEqual(readFileSync(path))
  expect(succeeded(await database.verifyBackup('latest')).status).toBe('damaged')
}, 120_000)

test('a violated constraint is the application’s affair, not damage', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'constraint.db')
  buildHostile(
    path,
    `CREATE TABLE t (a CHECK (a < 5)); PRAGMA ignore_check_constraints = ON; INSERT INTO t VALUES (10)`,
  )
  // SQLite parses no constraints of a file that it may only read, and so checks none.
  succeeded(await protect(path).createBackup({ check: 'full' }))
  expect(succeeded(await protect(path).verifyBackup('latest')).status).toBe('intact')
})

test('what SQLite makes no sense of can be restored over, and is kept', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'app.db')
  buildLedger(path, { journalMode: 'delete' })
  const { backupPath } = succeeded(await protect(path).createBackup())
  const unknown = readFileSync(path)
  unknown.writeUInt32BE(9, SCHEMA_FORMAT_OFFSET)
  writeFileSync(path, unknown)
  failedWith('DATABASE_DAMAGED', await protect(path).createBackup({ check: 'none' }))
  const restored = succeeded(await protect(path).restoreBackup(backupPath, { confirm: true }))
  expect(restored).toMatchObject({ dryRun: false, way: 'replace' })
  expect(restored.dryRun ? [] : restored.keptFiles.map(file => readFileSync(file))).toEqual([unknown])
  expect(assertIntact(path)).toEqual({ commits: 20 })
})
