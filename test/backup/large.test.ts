import {
  closeSync,
  fstatSync,
  ftruncateSync,
  openSync,
  readSync,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { buildLedger, openDatabase } from '../support/databases.ts'
import { ledgerProblems } from '../support/ledger.ts'
import { backUp, protect, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const GIBIBYTE = 2 ** 30
const PAGE = 65_536

/**
 * Makes a database with pages beyond 4 GiB, nearly all of them free and never written, so that the file is
 * sparse: the header is told of more pages, a trunk page of the free list stays empty, and SQLite then puts
 * new rows at the end, where the file is truly written.
 */
function growBeyond4GiB(path: string): void {
  buildLedger(path, { journalMode: 'delete', pageSize: PAGE })
  const fd = openSync(path, 'r+')
  const pages = Math.ceil((4.2 * GIBIBYTE) / PAGE)
  const before = fstatSync(fd).size / PAGE
  ftruncateSync(fd, pages * PAGE)
  const header = Buffer.alloc(100)
  readSync(fd, header, 0, 100, 0)
  const lockPage = 2 ** 30 / PAGE + 1
  const free = Array.from({ length: pages - before }, (_, i) => before + 1 + i).filter(
    page => page !== lockPage,
  )
  const perTrunk = PAGE / 4 - 8
  const trunks: number[][] = []
  for (let i = 0; i < free.length; i += perTrunk + 1) trunks.push(free.slice(i, i + perTrunk + 1))
  trunks.forEach(([trunk = 0, ...leaves], i) => {
    const bytes = Buffer.alloc(8 + 4 * leaves.length)
    bytes.writeUInt32BE(trunks[i + 1]?.[0] ?? 0, 0)
    bytes.writeUInt32BE(leaves.length, 4)
    leaves.forEach((leaf, j) => bytes.writeUInt32BE(leaf, 8 + 4 * j))
    writeSync(fd, bytes, 0, bytes.length, (trunk - 1) * PAGE)
  })
  header.writeUInt32BE(pages, 28)
  header.writeUInt32BE(trunks[0]?.[0] ?? 0, 32)
  header.writeUInt32BE(free.length, 36)
  writeSync(fd, header, 0, 100, 0)
  closeSync(fd)
}

const { bavail, bsize } = statfsSync(temporaryRoot())
const hasRoom = bavail * bsize > 6 * GIBIBYTE

function temporaryRoot(): string {
  return process.env['TMPDIR'] ?? '/tmp'
}

test.skipIf(!hasRoom)(
  `a database over 4 GiB is backed up and verified${hasRoom ? '' : ' (skipped: needs 6 GiB free)'}`,
  async () => {
    const path = join(temporaryDirectory(), 'large.db')
    growBeyond4GiB(path)
    expect(statSync(path).size).toBeGreaterThan(4 * GIBIBYTE)
    const open = openDatabase(path)
    // Rows beyond 4 GiB: growing the file again puts a page after its end.
    open.exec("CREATE TABLE marker (a, b); INSERT INTO marker VALUES ('here', zeroblob(100000))")
    expect(open.prepare('PRAGMA quick_check').all()).toEqual([{ quick_check: 'ok' }])
    open.close()

    const { backupPath, filename, metadata } = await backUp(path, { check: 'none' })
    expect(metadata.file_size).toBe(statSync(path).size)
    expect(statSync(backupPath).size).toBe(statSync(path).size)
    const verified = succeeded(await protect(path).verifyBackup(filename, { check: 'quick' }))
    expect(verified).toMatchObject({ status: 'intact', checksum: metadata.checksum })
    const copy = openDatabase(backupPath)
    expect(ledgerProblems(copy)).toEqual([])
    expect(copy.prepare('SELECT a, length(b) AS n FROM marker').all()).toEqual([{ a: 'here', n: 100_000 }])
    copy.close()
  },
)
