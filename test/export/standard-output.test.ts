/** Exports to standard output: what comes out of a pipe is what a file would have held. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { buffer, text } from 'node:stream/consumers'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import type { DataExported, ExportDataRequest, Failure } from '../../src/index.ts'
import { expectEqualDatabases } from '../import/equality.ts'
import { buildDatabase } from '../support/databases.ts'
import { protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { readExport } from './export-bytes.ts'
import { CLI } from './stopped-place.ts'

const SQL = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);
  INSERT INTO users VALUES (1, 'Ada'), (2, NULL), (3, '');
  CREATE TABLE files (content BLOB);
  INSERT INTO files SELECT randomblob(3000) FROM (VALUES (1), (2), (3));
`

interface Piped {
  readonly exit: number | null
  readonly bytes: Buffer
  /** What `--json` has on standard error. */
  readonly result: DataExported | Failure
}

class Place {
  readonly directory = temporaryDirectory()
  readonly path = join(this.directory, 'app.db')

  constructor() {
    buildDatabase(this.path, SQL)
  }

  args(...more: readonly string[]): string[] {
    const backupDir = join(this.directory, 'backups')
    return [
      '--no-warnings',
      CLI,
      'export',
      '--path',
      this.path,
      '--backup-dir',
      backupDir,
      '--include-sensitive',
      '--output',
      '-',
      '--json',
      ...more,
    ]
  }

  async piped(...more: readonly string[]): Promise<Piped> {
    const child = spawn(process.execPath, this.args(...more), { stdio: ['ignore', 'pipe', 'pipe'] })
    const exited = once(child, 'exit') as Promise<[number | null]>
    const [[exit], bytes, said] = await Promise.all([exited, buffer(child.stdout), text(child.stderr)])
    return { exit, bytes, result: JSON.parse(said) as Piped['result'] }
  }

  /** To what the shell opens in place of standard output. */
  into(file: string, ...more: readonly string[]): { exit: number | null; said: string } {
    const command = ['-c', 'exec "$0" "$@" > "$TO"', process.execPath, ...this.args(...more)]
    const { status, stderr } = spawnSync('sh', command, {
      encoding: 'utf8',
      env: { ...process.env, TO: file },
    })
    return { exit: status, said: stderr }
  }

  /** The bytes of each file of the same export, written to a place. */
  async stored(request: ExportDataRequest): Promise<Map<string, Buffer>> {
    const database = protect(this.path, { engine: 'here' })
    const { exportPath } = succeeded(await database.exportData({ includeSensitive: true, ...request }))
    const files = await readExport(exportPath)
    return new Map([...files].map(([name, bytes]) => [basename(name), bytes]))
  }
}

/** But for the time at which it was made. */
function untimed(bytes: Buffer | undefined): string {
  return String(bytes).replaceAll(/"created_at":\s?"[^"]+"/g, '')
}

testWith(['unzip'], 'CSV in a ZIP is a sound ZIP, and can be imported', async () => {
  const place = new Place()
  const { exit, bytes, result } = await place.piped('--format', 'csv', '--zip')
  expect(exit).toBe(0)
  const names = ['users.csv', 'files.csv', 'schema.json']
  expect(result).toMatchObject({ success: true, exportPath: '-', files: names, rows: 6, bytes: bytes.length })
  const zip = join(place.directory, 'piped.zip')
  writeFileSync(zip, bytes)
  run('unzip', ['-tq', zip])
  const to = join(place.directory, 'new.db')
  const imported = succeeded(await protect(place.path, { engine: 'here' }).importData({ from: zip, to }))
  expect(imported).toMatchObject({ format: 'csv', rows: 6 })
  expectEqualDatabases(place.path, to)
})

testWith(['unzip'], 'Parquet in a ZIP has the files that it has elsewhere', async () => {
  const place = new Place()
  const { exit, bytes, result } = await place.piped('--format', 'parquet', '--zip')
  expect(exit).toBe(0)
  expect(result).toMatchObject({ success: true, bytes: bytes.length })
  const zip = join(place.directory, 'piped.zip')
  writeFileSync(zip, bytes)
  run('unzip', ['-tq', zip])
  const stored = await place.stored({ format: 'parquet' })
  const piped = await readExport(zip)
  expect([...piped.keys()].toSorted()).toEqual([...stored.keys()].toSorted())
  for (const [name, content] of piped) expect(untimed(content), name).toBe(untimed(stored.get(name)))
})

test.each([
  ['zstd', 'sql', zstdDecompressSync],
  ['gzip', 'json', gunzipSync],
] as const)('what is compressed with %s is the %s that a file has', async (compress, format, decompress) => {
  const place = new Place()
  const { exit, bytes, result } = await place.piped('--format', format, '--compress', compress)
  expect(exit).toBe(0)
  // As many as came out of the pipe, not as many as were compressed.
  expect(result).toMatchObject({ success: true, files: ['-'], bytes: bytes.length })
  const [stored] = (await place.stored({ format })).values()
  expect(untimed(decompress(bytes))).toBe(untimed(stored))
})

testWith(['linux'], 'into a file the export goes behind what the file has', async () => {
  const place = new Place()
  const file = join(place.directory, 'out')
  writeFileSync(file, 'before\n')
  const command = ['-c', 'exec "$0" "$@" >> "$TO"', process.execPath, ...place.args('--format', 'ndjson')]
  const { status } = spawnSync('sh', command, { env: { ...process.env, TO: file } })
  expect(status).toBe(0)
  const written = readFileSync(file, 'utf8')
  expect(written.slice(0, 7)).toBe('before\n')
  const [stored] = (await place.stored({ format: 'ndjson' })).values()
  expect(untimed(Buffer.from(written.slice(7)))).toBe(untimed(stored))
})

testWith(['linux'], 'a device that takes nothing fails the export, and says why once', () => {
  const place = new Place()
  for (const form of [
    ['--format', 'ndjson'],
    ['--format', 'csv', '--zip'],
  ]) {
    const { exit, said } = place.into('/dev/full', ...form)
    expect(exit, form.join(' ')).toBe(1)
    const failure = JSON.parse(said) as Failure
    expect(failure).toMatchObject({ success: false, code: 'INSUFFICIENT_SPACE' })
    expect(failure.message).toContain('standard output')
    expect(failure.hint).toBeTruthy()
  }
})

testWith(['root', 'mount'], 'a disk that has room for half of the last bytes fails the export', () => {
  const place = new Place()
  const disk = join(place.directory, 'disk')
  run('mkdir', [disk])
  run('mount', ['-t', 'tmpfs', '-o', 'size=4k', 'tmpfs', disk])
  onTestFinished(() => void run('umount', [disk]))
  // All of it comes out of the compressor at the end, at once.
  const { exit, said } = place.into(join(disk, 'out'), '--compress', 'zstd')
  expect(statSync(join(disk, 'out')).size).toBe(4096)
  expect(exit).toBe(1)
  expect(JSON.parse(said)).toMatchObject({ success: false, code: 'INSUFFICIENT_SPACE' })
})
