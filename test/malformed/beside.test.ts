/** What else may lie beside a database, or be its name. */
import { existsSync, linkSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Database } from '../../src/index.ts'
import { forgetSuperJournal } from '../../src/snapshot/super-journal.ts'
import { treeOf } from '../restore/scene.ts'
import { buildLedger } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { journalBase, walBase } from './bases.ts'
import { Oracle } from './oracle.ts'

const SUPER_JOURNAL_PAGE = 0x40000000 / 512 + 1

/** A journal that says it belongs to a transaction over several databases, as SQLite would write it. */
function naming(superJournal: string, journal: Buffer): Buffer {
  const name = Buffer.from(superJournal)
  const page = Buffer.alloc(4)
  page.writeUInt32BE(SUPER_JOURNAL_PAGE)
  const trailer = Buffer.alloc(16)
  trailer.writeUInt32BE(name.length, 0)
  trailer.writeUInt32BE(
    name.reduce((sum, byte) => sum + byte, 0),
    4,
  )
  Buffer.from('d9d505f920a163d7', 'hex').copy(trailer, 8)
  return Buffer.concat([journal, page, name, trailer])
}

test('a hot journal that names any file as its super-journal is rolled back in the copy, and the file stays', async () => {
  const { bytes, journal } = journalBase()
  const directory = temporaryDirectory()
  const path = join(directory, 'app.db')
  const precious = join(directory, 'precious.txt')
  using oracle = new Oracle(directory)
  const rolledBack = (await oracle.ask({ id: '', bytes, journal }, { wantsImage: true })).image
  for (const content of ['precious', '/some/where/else-journal\0']) {
    writeFileSync(path, bytes)
    writeFileSync(`${path}-journal`, naming(precious, journal))
    writeFileSync(precious, content)
    const before = treeOf(directory)
    const { backupPath, snapshotWay } = succeeded(
      await protect(path, { backupDir: `${directory}/b` }).createBackup(),
    )
    expect(snapshotWay).toBe('recovered')
    expect(readFileSync(backupPath).equals(rolledBack ?? new Uint8Array())).toBe(true)
    rmSync(join(directory, 'b'), { recursive: true })
    expect(treeOf(directory)).toEqual(before)
  }
})

test('a journal whose super-journal is gone is of a transaction that was committed: nothing is rolled back', async () => {
  const { bytes, journal } = journalBase()
  const directory = temporaryDirectory()
  const path = join(directory, 'app.db')
  for (const isEmpty of [false, true]) {
    const gone = join(directory, 'gone')
    if (isEmpty) writeFileSync(gone, '')
    writeFileSync(path, bytes)
    writeFileSync(`${path}-journal`, naming(gone, journal))
    const { backupPath } = succeeded(await protect(path).createBackup({ check: 'none' }))
    expect(readFileSync(backupPath)).toEqual(bytes)
    expect(existsSync(`${path}-journal`)).toBe(true)
  }
})

test('the name of a super-journal ends at its first NUL, as for SQLite', async () => {
  const { bytes, journal } = journalBase()
  const directory = temporaryDirectory()
  const path = join(directory, 'app.db')
  using oracle = new Oracle(directory)
  const there = join(directory, 'there')
  writeFileSync(there, 'x')
  for (const name of [`${there}\0.gone`, `${there}.gone\0`]) {
    writeFileSync(path, bytes)
    writeFileSync(`${path}-journal`, naming(name, journal))
    const { backupPath } = succeeded(await protect(path).createBackup({ check: 'none' }))
    const hot = name.startsWith(`${there}\0`)
    const { image } = await oracle.ask({ id: '', bytes, journal }, { wantsImage: true })
    expect(readFileSync(backupPath).equals(hot ? (image ?? new Uint8Array()) : bytes), name).toBe(true)
  }
})

test('a super-journal’s name that is not whole is none, as for SQLite', async () => {
  const { bytes, journal } = journalBase()
  const directory = temporaryDirectory()
  const path = join(directory, 'app.db')
  using oracle = new Oracle(directory)
  const whole = naming(join(directory, 'gone'), journal)
  for (const [at, value] of [
    [-1, 0],
    [-9, 0],
    [-16, 0xff],
    [-13, 0],
    [-20, 1],
  ] as const) {
    const damaged = Buffer.from(whole)
    damaged[whole.length + at] = value
    writeFileSync(path, bytes)
    writeFileSync(`${path}-journal`, damaged)
    const { backupPath } = succeeded(await protect(path).createBackup({ check: 'none' }))
    const { image } = await oracle.ask({ id: '', bytes, journal: damaged }, { wantsImage: true })
    expect(readFileSync(backupPath).equals(image ?? new Uint8Array()), `byte ${at}`).toBe(true)
  }
})

test.each(['-wal', '-journal'])(
  'beside a database that was emptied the %s is left, whatever is asked',
  async suffix => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.db')
    const beside = suffix === '-wal' ? walBase().wal : journalBase().journal
    for (const bytes of [Buffer.alloc(0), Buffer.alloc(1)]) {
      writeFileSync(path, bytes)
      writeFileSync(`${path}${suffix}`, beside)
      const database = protect(path)
      const made = await database.createBackup()
      if (suffix === '-wal') expect(made).toMatchObject({ success: false })
      succeeded(await database.info())
      const other = join(directory, 'good.db')
      if (!existsSync(other)) buildLedger(other, { journalMode: 'delete' })
      succeeded(await database.restoreBackup(other, { dryRun: true }))
      expect(readFileSync(`${path}${suffix}`).equals(beside)).toBe(true)
      expect(readFileSync(path)).toEqual(bytes)
    }
  },
)

const KINDS: Record<string, (path: string) => void> = {
  'a FIFO': path => void run('mkfifo', [path]),
  'a directory': path => mkdirSync(path),
  'a link to nothing': path => symlinkSync('nowhere', path),
  'a link to itself': path => symlinkSync(path, path),
  'a link to a FIFO': path => {
    run('mkfifo', [`${path}.fifo`])
    symlinkSync(`${path}.fifo`, path)
  },
  'a link to a file of text': path => {
    writeFileSync(`${path}.txt`, 'precious\n'.repeat(200))
    symlinkSync(`${path}.txt`, path)
  },
  'a hard link to a file of text': path => {
    writeFileSync(`${path}.txt`, 'precious\n'.repeat(200))
    linkSync(`${path}.txt`, path)
  },
}

for (const journalMode of ['wal', 'delete'] as const) {
  for (const suffix of ['-wal', '-journal', '-shm']) {
    testWith(
      ['mkfifo'],
      `with something other than a file in place of the ${suffix} of a ${journalMode} database nothing hangs, and nothing is changed`,
      async () => {
        for (const [kind, make] of Object.entries(KINDS)) {
          // SQLite writes the WAL index, as every program does that opens the database.
          if (suffix === '-shm' && kind.startsWith('a hard link')) continue
          const directory = temporaryDirectory()
          mkdirSync(join(directory, 'data'))
          const path = join(directory, 'data', 'ledger.db')
          buildLedger(path, { journalMode })
          make(`${path}${suffix}`)
          const before = treeOf(join(directory, 'data'))
          const database = new Database({ path, backupDir: join(directory, 'b') })
          const made = await database.createBackup()
          if (made.success) expect(assertIntact(made.backupPath), kind).toEqual({ commits: 20 })
          else
            expect(['IO_FAILED', 'PERMISSION_DENIED', 'READ_ONLY'], `${kind}: ${made.message}`).toContain(
              made.code,
            )
          succeeded(await database.info())
          const after = treeOf(join(directory, 'data'))
          // SQLite makes and unmakes its own side files; what was there before stays.
          expect(
            Object.entries(after).filter(([name]) => name in before && !name.endsWith('-shm')),
            kind,
          ).toEqual(Object.entries(before).filter(([name]) => !name.endsWith('-shm')))
        }
      },
      120_000,
    )
  }
}

test.each([
  'a%00b.db',
  'a?mode=memory.db',
  'a#fragment.db',
  'file:x?mode=rwc.db',
  'file::memory:.db',
  ':memory:',
  'a%2fb.db',
  'new\nline.db',
  ' blanks .db',
  '-rf.db',
  '"quoted\'.db',
  'ünï☃.db',
  'a&vfs=unix-none&immutable=1.db',
])('a database called %j is backed up, verified and restored as any other', async name => {
  const directory = temporaryDirectory()
  const path = join(directory, name)
  buildLedger(path)
  const database = new Database({ path, backupDir: join(directory, 'b ?#%41') })
  const { backupPath } = succeeded(await database.createBackup({ check: 'full' }))
  expect(succeeded(await database.verifyBackup('latest')).status).toBe('intact')
  const to = join(directory, `to ${name}`)
  succeeded(await database.restoreBackup(backupPath, { to }))
  succeeded(await database.restoreBackup('latest', { confirm: true }))
  for (const file of [path, to]) expect(assertIntact(file)).toEqual({ commits: 20 })
})

testWith(
  ['linux'],
  'a name that is no UTF-8 is not found, and in a backup directory it is passed over',
  async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'ledger.db')
    buildLedger(path)
    const name = Buffer.concat([
      Buffer.from(`${directory}/bad-`),
      Buffer.from([0xff, 0xfe]),
      Buffer.from('.db'),
    ])
    writeFileSync(name, readFileSync(path))
    const lost = await protect(name.toString('utf8')).createBackup()
    expect(lost).toMatchObject({ success: false, code: 'DATABASE_NOT_FOUND' })
    const { filename } = succeeded(await protect(path).createBackup())
    writeFileSync(
      Buffer.concat([Buffer.from(`${directory}/backups/manual/x-`), Buffer.from([0xff]), Buffer.from('.db')]),
      'x',
    )
    expect((await protect(path).listBackups()).map(backup => backup.filename)).toEqual([filename])
  },
)

test('a copied journal names no super-journal any more, whatever it names', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'copied-journal')
  const { journal } = journalBase()
  for (const name of [directory, '/dev/null', path]) {
    const named = naming(name, journal)
    writeFileSync(path, named)
    await forgetSuperJournal(path)
    // The magic number is what makes the name one; SQLite 3.40 deletes a file that is named so.
    expect(readFileSync(path)).toEqual(Buffer.concat([named.subarray(0, -8), Buffer.alloc(8)]))
  }
  for (const bytes of [journal, journal.subarray(0, 10), Buffer.alloc(0)]) {
    writeFileSync(path, bytes)
    await forgetSuperJournal(path)
    expect(readFileSync(path)).toEqual(bytes)
  }
  writeFileSync(path, naming(join(directory, 'gone'), journal))
  await forgetSuperJournal(path)
  expect(existsSync(path)).toBe(false)
  await forgetSuperJournal(path)
})
