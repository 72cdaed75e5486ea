import { mkdirSync, readlinkSync, renameSync, symlinkSync } from 'node:fs'
import { basename, join } from 'node:path'
import { expect, test } from 'vitest'
import { buildLedger } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { backUp, protect, succeeded } from '../support/product.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { WriterProcess } from '../support/writer-process.ts'

const NAMES: [string, string, string][] = [
  ['spaces', 'my data base.db', 'my_data_base'],
  ['quotes', `it's "quoted".db`, 'it_s__quoted_'],
  ['?', 'what?mode=memory.db', 'what_mode_memory'],
  ['#', 'one#two.db', 'one_two'],
  ['%', '100%25%20.db', '100_25_20'],
  ['Unicode', 'Größe 数据 ☃.sqlite', 'Gr__e_____'],
  ['a colon and a URI scheme', 'file:chame.db', 'file_chame'],
  ['a line break', 'two\nlines.db', 'two_lines'],
  ['a leading dash', '--help.db', 'help'],
  ['a leading dot', '.hidden.db', 'hidden'],
  ['no extension', 'data', 'data'],
]

for (const journalMode of ['wal', 'delete'] as const) {
  test.each(NAMES)(
    `a ${journalMode.toUpperCase()} database with %s in its path, and its backups, are found by that path`,
    async (_, name, expectedName) => {
      const directory = join(temporaryDirectory(), name)
      mkdirSync(directory)
      const path = join(directory, name)
      buildLedger(path, { journalMode })
      const backupDir = join(directory, `backups of ${name}`)
      const database = protect(path, { backupDir })
      const backup = succeeded(await database.createBackup({ check: 'full' }))
      expect(assertIntact(backup.backupPath)).toEqual({ commits: 20 })
      expect(backup.filename).toMatch(new RegExp(`^${expectedName}_backup_manual_\\d{8}_\\d{6}\\.db$`))
      expect((await database.listBackups()).map(({ path: listed }) => listed)).toEqual([backup.backupPath])
      expect(succeeded(await database.verifyBackup(backup.backupPath)).status).toBe('intact')
      expect(filesBelow(directory)).toEqual(
        [
          name,
          basename(backupDir),
          ...filesBelow(backupDir).map(file => join(basename(backupDir), file)),
        ].toSorted(),
      )
    },
  )
}

test.each(['wal', 'delete'] as const)(
  'a database behind a symbolic link is read where it lies, with its WAL there, in %s mode',
  async journalMode => {
    const directory = temporaryDirectory()
    mkdirSync(join(directory, 'real'))
    const real = join(directory, 'real', 'ledger.db')
    const link = join(directory, 'link.db')
    buildLedger(real, { journalMode })
    symlinkSync(real, link)
    const pragmas = `PRAGMA journal_mode = ${journalMode}; PRAGMA wal_autocheckpoint = 0`
    const writer = await WriterProcess.start(link, directory, { pragmas })
    await writer.commitsBeyond(100)
    const from = writer.acknowledged
    const { backupPath, filename } = await backUp(link)
    expect(await writer.stop()).toBe('')
    expect(assertIntact(backupPath).commits).toBeGreaterThanOrEqual(from)
    expect(filename).toMatch(/^link_backup_manual_/)
    expect(readlinkSync(link)).toBe(real)
    expect(filesBelow(join(directory, 'real'))).toEqual(['ledger.db'])
  },
)

test('a link that points to another link, and a linked directory, are followed', async () => {
  const directory = temporaryDirectory()
  mkdirSync(join(directory, 'real'))
  buildLedger(join(directory, 'real', 'ledger.db'))
  symlinkSync('real', join(directory, 'alias'))
  symlinkSync(join('alias', 'ledger.db'), join(directory, 'one.db'))
  symlinkSync('one.db', join(directory, 'two.db'))
  expect(assertIntact((await backUp(join(directory, 'two.db'))).backupPath)).toEqual({ commits: 20 })
})

test('a link that comes to point to another database between two backups leads to that one', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'a.db'), { commits: 3 })
  buildLedger(join(directory, 'b.db'), { commits: 5 })
  const link = join(directory, 'current.db')
  const database = protect(link)
  for (const [target, commits] of [
    ['a.db', 3],
    ['b.db', 5],
  ] as const) {
    symlinkSync(target, `${link}.new`)
    renameSync(`${link}.new`, link)
    expect(assertIntact(succeeded(await database.createBackup()).backupPath)).toEqual({ commits })
  }
})
