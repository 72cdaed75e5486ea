import { readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { ErrorCode } from '../../src/index.ts'
import { buildDatabase, buildLedger, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { type Answer, type Call, callElsewhere } from '../support/other-process.ts'
import { failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { storedFiles, temporaryDirectory } from '../support/temporary.ts'

const BACK_UP: readonly Call[] = [['createBackup', {}]]

/** A file system of its own in memory, gone when the test ends. */
function mountTmpfs(options: string): string {
  const directory = temporaryDirectory()
  run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
  onTestFinished(() => void run('umount', [directory]))
  return directory
}

for (const journalMode of ['wal', 'delete'] as const) {
  testWith(
    ['root', 'mount'],
    `a backup that will not fit is refused beforehand, with what it needs and what there is, in ${journalMode} mode`,
    async () => {
      const path = join(temporaryDirectory(), 'big.db')
      buildDatabase(path, 'CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(6000000))', { journalMode })
      const backupDir = mountTmpfs('size=4m')
      const database = protect(path, { backupDir })
      const { message, hint } = failedWith('INSUFFICIENT_SPACE', await database.createBackup())
      expect(message).toMatch(/^Insufficient disk space: /)
      const [needed = 0, available = 0] = (message.match(/\d{6,}/g) ?? []).map(Number)
      expect(needed).toBeGreaterThan(6_000_000)
      expect(available).toBeGreaterThan(3_000_000)
      expect(available).toBeLessThan(needed)
      expect(message).toContain(backupDir)
      expect(hint).toBeDefined()
      expect(storedFiles(backupDir)).toEqual([])
    },
  )
}

testWith(
  ['root', 'mount'],
  'what a backup takes from the disk is refused and given back, backup after backup',
  async () => {
    const path = join(temporaryDirectory(), 'big.db')
    buildDatabase(path, 'CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(2000000))')
    const backupDir = mountTmpfs('size=8m')
    const database = protect(path, { backupDir })
    let made = 0
    while ((await database.createBackup()).success) made += 1
    expect(made).toBe(3)
    const free = statfsSync(backupDir).bavail
    for (let i = 0; i < 3; i++) failedWith('INSUFFICIENT_SPACE', await database.createBackup())
    expect(statfsSync(backupDir).bavail).toBe(free)
    expect(await database.listBackups()).toHaveLength(3)
    for (const { filename } of await database.listBackups()) {
      expect(succeeded(await database.verifyBackup(filename)).status).toBe('intact')
    }
  },
)

testWith(
  ['root', 'mount'],
  'a file system without room for more files leaves no trace of the backup',
  async () => {
    const path = join(temporaryDirectory(), 'ledger.db')
    buildLedger(path)
    // One number for the root, and ever more for what a backup makes.
    let refused = 0
    for (let inodes = 2; inodes < 12; inodes++) {
      const backupDir = mountTmpfs(`size=8m,nr_inodes=${inodes}`)
      const result = await protect(path, { backupDir }).createBackup()
      if (result.success) {
        assertIntact(result.backupPath)
        expect(storedFiles(backupDir)).toHaveLength(2)
        continue
      }
      refused += 1
      expect(result.code).toBe('INSUFFICIENT_SPACE')
      expect(storedFiles(backupDir)).toEqual([])
    }
    expect(refused).toBeGreaterThan(3)
    expect(refused).toBeLessThan(10)
  },
)

const FAULTS: [string, string, ErrorCode][] = [
  ['the disk is full when the image is copied', 'pwrite64:error=ENOSPC:when=1', 'INSUFFICIENT_SPACE'],
  ['the quota is reached when the image is copied', 'pwrite64:error=EDQUOT:when=1', 'INSUFFICIENT_SPACE'],
  // strace counts by thread: one copies the image in one run, another lays the WAL's pages over it, one by one.
  ['the disk is full when the WAL is laid over', 'pwrite64:error=ENOSPC:when=2', 'INSUFFICIENT_SPACE'],
  ['the file may not grow', 'ftruncate:error=EFBIG', 'INSUFFICIENT_SPACE'],
  ['the disk fails when the image is flushed', 'fsync:error=EIO:when=1', 'IO_FAILED'],
  ['the disk is full when the image is flushed', 'fsync:error=ENOSPC:when=1', 'INSUFFICIENT_SPACE'],
  ['the image cannot get its name', 'rename:error=ENOSPC:when=1', 'INSUFFICIENT_SPACE'],
  ['the directory cannot be flushed', 'fsync:error=EIO:when=2', 'IO_FAILED'],
  ['the metadata cannot be flushed', 'fsync:error=EIO:when=3', 'IO_FAILED'],
  ['the metadata cannot get its name', 'rename:error=EIO:when=2', 'IO_FAILED'],
  ['the metadata directory cannot be flushed', 'fsync:error=EIO:when=4', 'IO_FAILED'],
]

for (const [what, fault, code] of FAULTS) {
  testWith(['linux', 'strace'], `when ${what}, the backup fails with ${code} and leaves no trace`, () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'ledger.db')
    buildLedger(path, { commits: 5 })
    const open = openDatabase(path)
    open.exec('PRAGMA wal_autocheckpoint = 0; CREATE TABLE extra (a)')
    // The directories are there, so that the first flush is the image's.
    const backupDir = join(directory, 'b')
    callElsewhere({ path, backupDir }, BACK_UP)
    const stored = storedFiles(backupDir)
    const before = readFileSync(path)
    const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `inject=${fault}`]
    const [answer] = callElsewhere({ path, backupDir, engine: 'here' }, BACK_UP, {
      under,
      env: { UV_THREADPOOL_SIZE: '1' },
    })
    const failure = failedWith(code, answer as Answer)
    expect(failure.hint).toBeDefined()
    expect(failure.message).toContain(directory)
    expect(storedFiles(backupDir)).toEqual(stored)
    expect(readFileSync(path)).toEqual(before)
    open.close()
  })
}
