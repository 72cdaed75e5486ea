import { openSync, closeSync, ftruncateSync, readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { takeImage } from '../../src/snapshot/take-image.ts'
import { buildLedger, openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { backUp, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { once, WatchedSqlite } from '../support/watched-sqlite.ts'
import { WriterProcess } from '../support/writer-process.ts'

const MEBIBYTE = 1 << 20
const BALLAST = 64 * MEBIBYTE

/** A new file system in a sparse file, gone when the test ends. */
function mountNew(kind: 'xfs' | 'btrfs'): string {
  const image = join(temporaryDirectory(), 'disk.img')
  const fd = openSync(image, 'w')
  // Each backup is to share its blocks; what the writer's log grows to is as much as the machine is slow.
  ftruncateSync(fd, 2048 * MEBIBYTE)
  closeSync(fd)
  run(`mkfs.${kind}`, ['-q', image])
  const directory = temporaryDirectory()
  run('mount', ['-o', 'loop', image, directory])
  onTestFinished(() => void run('umount', [directory]))
  return directory
}

function usedBytes(directory: string): number {
  run('sync', ['-f', directory])
  const { blocks, bfree, bsize } = statfsSync(directory)
  return (blocks - bfree) * bsize
}

for (const kind of ['xfs', 'btrfs'] as const) {
  for (const journalMode of ['wal', 'delete'] as const) {
    testWith(
      ['linux', 'root', 'mount', `mkfs.${kind}`],
      `on ${kind} a backup shares the blocks of a database in ${journalMode} mode, and holds one commit under load`,
      async () => {
        const directory = mountNew(kind)
        const path = join(directory, 'ledger.db')
        buildLedger(path, { journalMode })
        const open = openDatabase(path, { journalMode })
        open.exec(`CREATE TABLE ballast (a); INSERT INTO ballast VALUES (randomblob(${BALLAST}))`)
        open.close()

        const before = usedBytes(directory)
        const { backupPath, metadata } = await backUp(path)
        expect(metadata.file_size).toBeGreaterThan(BALLAST)
        expect(usedBytes(directory) - before).toBeLessThan(BALLAST / 4)
        expect(readFileSync(backupPath).equals(readFileSync(path))).toBe(true)

        const writer = await WriterProcess.start(path, directory, {
          pragmas: `PRAGMA journal_mode = ${journalMode}; PRAGMA synchronous = OFF`,
        })
        const database = protect(path)
        for (let i = 0; i < 5; i++) {
          const from = writer.acknowledged
          const made = succeeded(await database.createBackup({ check: 'none' }))
          expect(assertIntact(made.backupPath).commits).toBeGreaterThanOrEqual(from)
          expect(succeeded(await database.verifyBackup(made.filename, { check: 'none' })).status).toBe(
            'intact',
          )
        }
        expect(await writer.stop()).toBe('')
        // Writing on in the database does not write into the backup, though they share blocks.
        expect(succeeded(await database.verifyBackup(backupPath)).status).toBe('intact')
      },
    )
  }
}

testWith(
  ['linux', 'root', 'mount', 'mkfs.btrfs', 'chattr'],
  'where blocks cannot be shared any more when a database in delete mode holds still, it is copied',
  async () => {
    const directory = mountNew('btrfs')
    const path = join(directory, 'ledger.db')
    buildLedger(path, { journalMode: 'delete' })
    // Files that are made from now on share no blocks with those that were there.
    const change = once(() => void run('chattr', ['+C', directory]))
    const taken = await takeImage(path, {
      sqlite: new WatchedSqlite({ before: name => name === 'beginRead' && change() }),
      signal: new AbortController().signal,
      waitMs: 1_000,
      file: join(directory, 'image.db'),
      onSize: async () => {},
      onBytes: () => {},
    })
    expect(readFileSync(taken.file).equals(readFileSync(path))).toBe(true)
  },
)
