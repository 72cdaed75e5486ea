import { readdirSync, readFileSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { ErrorCode, ExportDataRequest } from '../../src/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { callElsewhere } from '../support/other-process.ts'
import { failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

/** A file system of its own in memory, gone when the test ends. */
function mountTmpfs(options: string): string {
  const directory = temporaryDirectory()
  run('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', directory])
  onTestFinished(() => void run('umount', [directory]))
  return directory
}

const ROWS = 6_000

/** Rows that no compression makes much smaller: about 2 MB. */
function build(journalMode: 'wal' | 'delete' = 'wal'): string {
  const path = join(temporaryDirectory(), 'app.db')
  const numbers = `WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ${ROWS})`
  buildDatabase(
    path,
    `CREATE TABLE t (a, b); INSERT INTO t ${numbers} SELECT i, hex(randomblob(100)) FROM n;
     CREATE TABLE u (a); INSERT INTO u ${numbers} SELECT hex(randomblob(50)) FROM n`,
    { journalMode },
  )
  return path
}

type Form = Pick<ExportDataRequest, 'format' | 'zip' | 'compress' | 'pretty'>
const FORMS: readonly Form[] = [
  { format: 'json' },
  { format: 'json', compress: 'zstd' },
  { format: 'ndjson', compress: 'gzip' },
  { format: 'sql' },
  { format: 'csv' },
  { format: 'csv', compress: 'zstd' },
  { format: 'csv', zip: true },
  { format: 'parquet' },
  { format: 'parquet', zip: true },
]

function entriesIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
}

testWith(
  ['root', 'mount'],
  'a full disk fails the export with what it is, leaves nothing of it, and has room again after it',
  async () => {
    const path = build()
    for (const form of FORMS) {
      const backupDir = temporaryDirectory()
      let failed = 0
      for (const size of ['64k', '512k', '1m', '1536k', '2m', '8m']) {
        const out = mountTmpfs(`size=${size}`)
        const free = statfsSync(out).bavail
        const output = join(out, 'export')
        const result = await protect(path, { backupDir }).exportData({
          ...form,
          output,
          includeSensitive: true,
        })
        if (result.success) {
          expect(result.rows).toBe(2 * ROWS)
          expect(readdirSync(out)).toEqual(['export'])
          continue
        }
        failed += 1
        expect(result.code, `${JSON.stringify(form)} in ${size}`).toBe('INSUFFICIENT_SPACE')
        expect(result.message).toContain(out)
        expect(result.hint).toBeDefined()
        expect(entriesIn(out)).toEqual([])
        expect(statfsSync(out).bavail).toBe(free)
      }
      expect(failed).toBeGreaterThan(1)
      expect(failed).toBeLessThan(6)
    }
  },
  300_000,
)

testWith(
  ['root', 'mount'],
  'where an image does not fit either, the export of a database in rollback mode says so beforehand',
  async () => {
    const path = build('delete')
    const backupDir = mountTmpfs('size=1m')
    const { message } = failedWith(
      'INSUFFICIENT_SPACE',
      await protect(path, { backupDir }).exportData({ output: join(temporaryDirectory(), 'export') }),
    )
    expect(message).toMatch(/the image to export needs .+iB \(\d+ bytes\)/)
    expect(filesBelow(backupDir)).toEqual([])
  },
)

testWith(
  ['root', 'mount'],
  'an export that was replaced by force is still there when the new one does not fit',
  async () => {
    const path = build()
    const backupDir = temporaryDirectory()
    const out = mountTmpfs('size=2m')
    for (const format of ['json', 'csv'] as const) {
      const output = join(out, format)
      const made = succeeded(await protect(path, { backupDir }).exportData({ format, output, tables: ['u'] }))
      const first = made.files.map(name => readFileSync(format === 'csv' ? join(output, name) : output))
      failedWith(
        'INSUFFICIENT_SPACE',
        await protect(path, { backupDir }).exportData({
          format,
          output,
          force: true,
          includeSensitive: true,
        }),
      )
      expect(made.files.map(name => readFileSync(format === 'csv' ? join(output, name) : output))).toEqual(
        first,
      )
    }
    expect(readdirSync(out).toSorted()).toEqual(['csv', 'json'])
  },
)

testWith(
  ['root', 'mount'],
  'a file system without room for more files leaves no trace of the export',
  async () => {
    const path = build()
    let refused = 0
    for (let inodes = 2; inodes < 12; inodes++) {
      const out = mountTmpfs(`size=16m,nr_inodes=${inodes}`)
      const output = join(out, 'export')
      const result = await protect(path).exportData({ output, format: 'csv', includeSensitive: true })
      if (result.success) {
        expect(readdirSync(out)).toEqual(['export'])
        continue
      }
      refused += 1
      expect(result.code).toBe('INSUFFICIENT_SPACE')
      expect(entriesIn(out)).toEqual([])
    }
    expect(refused).toBeGreaterThan(2)
    expect(refused).toBeLessThan(10)
  },
)

const FAULTS: readonly (readonly [what: string, fault: string, code: ErrorCode])[] = [
  ['the disk is full when rows are written', 'pwrite64:error=ENOSPC', 'INSUFFICIENT_SPACE'],
  ['the quota is reached when rows are written', 'pwrite64:error=EDQUOT', 'INSUFFICIENT_SPACE'],
  ['the disk fails when the export is flushed', 'fsync:error=EIO:when=1', 'IO_FAILED'],
  ['the disk is full when the export is flushed', 'fsync:error=ENOSPC:when=1', 'INSUFFICIENT_SPACE'],
  ['the export cannot get its name', 'link:error=ENOSPC', 'INSUFFICIENT_SPACE'],
]

for (const [what, fault, code] of FAULTS) {
  testWith(['linux', 'strace'], `when ${what}, the export fails with ${code} and leaves no trace`, () => {
    const path = build()
    const backupDir = temporaryDirectory()
    const out = temporaryDirectory()
    const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `inject=${fault}`]
    const [answer] = callElsewhere(
      { path, backupDir, engine: 'here' },
      [['exportData', { output: join(out, 'export'), includeSensitive: true }]],
      { under, env: { UV_THREADPOOL_SIZE: '1' } },
    )
    if (answer === undefined) throw new Error('No answer')
    const failure = failedWith(code, answer)
    expect(failure.hint).toBeDefined()
    expect(entriesIn(out)).toEqual([])
  })
}

testWith(
  ['linux', 'strace'],
  'when the disk fails while more rows are written, the export fails, though all is well at its end',
  () => {
    const path = join(temporaryDirectory(), 'app.db')
    buildDatabase(
      path,
      `CREATE TABLE t (a); WITH n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 40)
       INSERT INTO t SELECT zeroblob(1000000) FROM n`,
    )
    const out = temporaryDirectory()
    const under = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', 'inject=fsync:error=EIO:when=1']
    const [answer] = callElsewhere(
      { path, backupDir: temporaryDirectory(), engine: 'here' },
      [['exportData', { output: join(out, 'export'), format: 'sql', includeSensitive: true }]],
      { under, env: { UV_THREADPOOL_SIZE: '1' } },
    )
    if (answer === undefined) throw new Error('No answer')
    failedWith('IO_FAILED', answer)
    expect(entriesIn(out)).toEqual([])
  },
)
