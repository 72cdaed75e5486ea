import { chmodSync, existsSync, readFileSync, statSync, utimesSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { buildLedger, type JournalMode, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { backUp, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { HOLD_OPEN, startScript } from '../support/scripts.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

/** Everything about a database's files that a backup must not change; the WAL index may change, it is no data. */
function stateOf(path: string): unknown {
  const directory = dirname(path)
  return filesBelow(directory)
    .filter(name => name.startsWith(basename(path)))
    .map(name => {
      const file = join(directory, name)
      const { mode, mtimeMs, uid, gid, ino, size } = statSync(file)
      const isIndex = name.endsWith('-shm')
      return { name, mode, uid, gid, ino, ...(isIndex ? {} : { size, mtimeMs, bytes: readFileSync(file) }) }
    })
}

/** Every operation that only looks. */
async function lookAtEverything(path: string): Promise<void> {
  const database = protect(path, { backupDir: join(dirname(path), 'b') })
  const { filename, backupPath } = succeeded(await database.createBackup({ check: 'full' }))
  succeeded(await database.verifyBackup(filename))
  succeeded(await database.info())
  expect(await database.listBackups()).toHaveLength(1)
  assertIntact(backupPath)
}

const MODES: JournalMode[] = ['wal', 'delete', 'truncate', 'persist']

test.each(MODES)('a closed database in %s mode is left exactly as it was', async journalMode => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path, { journalMode })
  chmodSync(path, 0o640)
  utimesSync(path, 1_700_000_000, 1_700_000_000)
  const before = stateOf(path)
  await lookAtEverything(path)
  expect(stateOf(path)).toEqual(before)
})

test.each(MODES)('an open database in %s mode is left exactly as it was', async journalMode => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path, { journalMode })
  const holder = await startScript(HOLD_OPEN, [
    path,
    `PRAGMA journal_mode = ${journalMode}; CREATE TABLE extra (a); INSERT INTO extra VALUES (1)`,
  ])
  const before = stateOf(path)
  await lookAtEverything(path)
  expect(stateOf(path)).toEqual(before)
  await holder.kill()
  expect(stateOf(path)).toEqual(before)
})

test.each(['wal', 'delete'] as const)(
  'no table, setting or journal mode of a %s database changes, and its owner goes on working',
  async journalMode => {
    const path = join(temporaryDirectory(), 'ledger.db')
    buildLedger(path, { journalMode })
    const open = openDatabase(path, { journalMode })
    const look = (): unknown =>
      [
        'schema_version',
        'user_version',
        'application_id',
        'journal_mode',
        'auto_vacuum',
        'page_count',
        'data_version',
      ]
        .map(name => open.prepare(`PRAGMA ${name}`).get())
        .concat(open.prepare('SELECT * FROM sqlite_schema').all())
    const before = look()
    await lookAtEverything(path)
    expect(look()).toEqual(before)
    open.exec('UPDATE accounts SET balance = balance + 1')
    open.close()
    expect(filesBelow(dirname(path)).filter(name => name.startsWith('ledger.db'))).toEqual(['ledger.db'])
  },
)

test('an open WAL is not checkpointed by a backup, not even when nobody else reads', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  const open = openDatabase(path)
  open.exec(
    'PRAGMA wal_autocheckpoint = 0; CREATE TABLE extra (a); INSERT INTO extra VALUES (randomblob(50000))',
  )
  const main = readFileSync(path)
  const wal = readFileSync(`${path}-wal`)
  await lookAtEverything(path)
  expect(readFileSync(path).equals(main)).toBe(true)
  expect(readFileSync(`${path}-wal`).equals(wal)).toBe(true)
  open.close()
})

test('a WAL that the application leaves in place when it closes is left in place too', async () => {
  const path = join(temporaryDirectory(), 'ledger.db')
  buildLedger(path)
  // A read-only connection cannot remove the WAL, so an empty one stays.
  const reader = new DatabaseSync(path, { readOnly: true })
  reader.prepare('SELECT count(*) FROM log').get()
  reader.close()
  expect(existsSync(`${path}-wal`)).toBe(true)
  const before = stateOf(path)
  await lookAtEverything(path)
  expect(stateOf(path)).toEqual(before)
})

const PROGRAM = `
  import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
  const [path, backupDir, engine] = process.argv.slice(1)
  const database = new Database({ path, backupDir, engine })
  const made = await database.createBackup({ check: 'full' })
  const verified = made.success && (await database.verifyBackup(made.backupPath))
  const info = await database.info()
  if (!made.success || !verified.success || verified.status !== 'intact' || !info.success) throw new Error(JSON.stringify({ made, verified, info }))
`

/** System calls that change a file's bytes, size, name or existence. SQLite's own `fchown` to the owner it has is none. */
const CHANGES =
  'write writev pwrite64 pwritev pwritev2 ftruncate truncate fallocate copy_file_range sendfile rename renameat renameat2 unlink unlinkat link linkat chmod fchmod fchmodat utimensat'.split(
    ' ',
  )
/** The kernel's copy from the database into a file of ours. */
const COPIES = /^copy_file_range\(\d+<[^>]*ledger\.db>|^sendfile\(\d+<[^>]*\.chame-backup-/

interface Traced {
  readonly main: readonly string[]
  readonly wal: readonly string[]
}

/** The system calls on a database that all processes of a backup, a verification and a look at its state make. */
function traceEverything(path: string, engine: string): Traced {
  const directory = temporaryDirectory()
  const log = join(directory, 'strace.log')
  const trace = ['-f', '-qq', '-y', '-s', '0', '-o', log, '-e', `trace=open,openat,mmap,${CHANGES.join(',')}`]
  const program = [
    '--no-warnings',
    '--input-type=module',
    '--eval',
    PROGRAM,
    '--',
    path,
    join(directory, 'b'),
    engine,
  ]
  run('strace', [...trace, process.execPath, ...program])
  const calls = readFileSync(log, 'utf8')
    .split('\n')
    .map(line => line.replace(/^\d+ +/, ''))
  // To look for a file that is not there is no harm.
  const on = (file: string): string[] =>
    calls.filter(
      call => (call.includes(`${file}"`) || call.includes(`${file}>`)) && !call.includes('= -1 ENOENT'),
    )
  return { main: on(path), wal: on(`${path}-wal`) }
}

function changing(calls: readonly string[]): string[] {
  return calls.filter(
    call =>
      (CHANGES.includes(call.split('(')[0] ?? '') && !COPIES.test(call)) ||
      (call.startsWith('mmap(') && call.includes('PROT_WRITE') && call.includes('MAP_SHARED')),
  )
}

for (const engine of ['process', 'here']) {
  testWith(
    ['linux', 'strace'],
    `no system call changes the main file of a database or its WAL (engine: ${engine})`,
    () => {
      for (const journalMode of ['wal', 'delete'] as const) {
        const path = join(temporaryDirectory(), 'ledger.db')
        buildLedger(path, { journalMode })
        const open = openDatabase(path, { journalMode })
        open.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE extra (a); INSERT INTO extra VALUES (1)')
        const { main, wal } = traceEverything(path, engine)
        open.close()
        expect(main.length).toBeGreaterThan(0)
        expect(wal.length > 0).toBe(journalMode === 'wal')
        expect(changing([...main, ...wal])).toEqual([])
        // What is not opened for writing cannot be written. SQLite itself opens a WAL for writing even to read.
        expect(main.filter(call => call.startsWith('open') && /O_RDWR|O_WRONLY|O_TRUNC/.test(call))).toEqual(
          [],
        )
      }
    },
  )

  testWith(
    ['linux', 'strace'],
    `no system call changes the main file of a closed WAL database (engine: ${engine})`,
    () => {
      const path = join(temporaryDirectory(), 'ledger.db')
      buildLedger(path)
      expect(changing(traceEverything(path, engine).main)).toEqual([])
    },
  )
}

test('a backup leaves nothing beside the database but the backup directory', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  await backUp(path)
  expect(filesBelow(directory).filter(name => !name.startsWith('backups/'))).toEqual(['backups', 'ledger.db'])
})
