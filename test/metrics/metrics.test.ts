import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Database, Scheduler } from '../../src/index.ts'
import { buildLedger } from '../support/databases.ts'
import { backUp, failedWith, protect, succeeded } from '../support/product.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'
import { parseMetrics } from './parse.ts'

function valuesOf(text: string, metric: string): Record<string, number> {
  const samples = parseMetrics(text).get(`chame_backup_${metric}`)?.samples ?? []
  return Object.fromEntries(samples.map(({ labels, value }) => [Object.values(labels).join('/'), value]))
}

test('the metrics of a database are those of its catalog', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'shop.db')
  buildLedger(path)
  const first = await backUp(path, { backupType: 'daily' })
  const second = await backUp(path, { backupType: 'daily', check: 'none' })
  await backUp(path)
  const { text, path: written, unreadable } = succeeded(await protect(path).metrics())
  expect({ written, unreadable }).toEqual({ written: null, unreadable: [] })
  expect(valuesOf(text, 'backups')).toEqual({ 'shop/daily': 2, 'shop/manual': 1 })
  expect(valuesOf(text, 'last_success_timestamp_seconds')['shop/daily']).toBe(
    Date.parse(second.metadata.created_at ?? '') / 1000,
  )
  expect(valuesOf(text, 'last_verified')).toEqual({ 'shop/daily': 0, 'shop/manual': 1 })
  expect(valuesOf(text, 'last_verify_timestamp_seconds')['shop/daily']).toBe(
    Date.parse(first.metadata.verified_at ?? '') / 1000,
  )
  expect(valuesOf(text, 'last_duration_seconds')['shop/daily']).toBe(
    (second.metadata.duration_ms ?? Number.NaN) / 1000,
  )
  expect(valuesOf(text, 'last_size_bytes')['shop/daily']).toBe(second.metadata.file_size)
})

test('what packs take is there once for each database that has its backups beside them', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'shop.db')
  buildLedger(path)
  await backUp(path)
  expect(valuesOf(succeeded(await protect(path).metrics()).text, 'pack_bytes')).toEqual({})
  await backUp(path, { encoding: 'blocks' })
  const { store } = succeeded(await protect(path).info())
  const { text } = succeeded(await protect(path).metrics())
  expect(valuesOf(text, 'pack_bytes')).toEqual({ shop: store?.sizeBytes })
})

function writeConfig(directory: string, databases: Record<string, object>): string {
  const config = join(directory, 'chame-backup.config.json')
  writeFileSync(config, JSON.stringify({ backupDir: 'all', databases }))
  return config
}

test('without a path or a name the metrics are those of every database in the configuration', async () => {
  const directory = temporaryDirectory()
  const config = writeConfig(directory, { shop: { path: 'shop.db' }, blog: { path: 'blog.db' } })
  buildLedger(join(directory, 'shop.db'))
  succeeded(await new Database({ config, database: 'shop' }).createBackup())
  const all = succeeded(await new Database({ config }).metrics())
  expect(Object.keys(valuesOf(all.text, 'catalog_readable'))).toEqual(['shop', 'blog'])
  expect(valuesOf(all.text, 'newest_good_timestamp_seconds')['blog']).toBe(0)
  const one = succeeded(await new Database({ config, database: 'blog' }).metrics())
  expect(Object.keys(valuesOf(one.text, 'catalog_readable'))).toEqual(['blog'])
})

test('what the scheduler has written down is in the metrics and in info, and no other database’s', async () => {
  const directory = temporaryDirectory()
  const config = writeConfig(directory, { shop: { path: 'shop.db' }, blog: { path: 'blog.db' } })
  buildLedger(join(directory, 'shop.db'))
  // There is no blog: its job fails, and there never was a success.
  expect(succeeded(await new Scheduler({ config }).runOnce('daily')).status).toBe('failed')
  const { text } = succeeded(await new Database({ config, database: 'shop' }).metrics())
  const failing = valuesOf(text, 'job_failing')
  expect(failing).toMatchObject({ 'shop/daily': 0 })
  expect(Object.keys(failing).filter(job => !job.startsWith('shop/'))).toEqual([])
  expect(valuesOf(text, 'job_last_success_timestamp_seconds')['shop/daily']).toBeGreaterThan(1.7e9)
  const blog = succeeded(await new Database({ config, database: 'blog' }).info())
  expect(blog.schedule?.jobs.find(({ job }) => job === 'daily')).toMatchObject({
    database: 'blog',
    lastSuccessAt: null,
    lastRun: { failure: { code: 'DATABASE_NOT_FOUND' } },
  })
})

test('a state of the scheduler that cannot be read takes nothing from the metrics but its jobs', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  await backUp(join(directory, 'shop.db'))
  writeFileSync(join(directory, 'backups', 'scheduler-state.json'), '{"schema":1')
  const { text } = succeeded(await protect(join(directory, 'shop.db')).metrics())
  expect(valuesOf(text, 'backups')).toEqual({ 'shop/manual': 1 })
  expect(valuesOf(text, 'job_failing')).toEqual({})
  expect(succeeded(await protect(join(directory, 'shop.db')).info()).schedule).toBeNull()
})

test('a catalog that cannot be read is said to be so, and the others are measured', async () => {
  const directory = temporaryDirectory()
  const config = writeConfig(directory, {
    shop: { path: 'shop.db' },
    blog: { path: 'blog.db', backupDir: 'broken' },
  })
  mkdirSync(join(directory, 'broken'))
  // A directory's name that lists as a type, and is a link that leads to itself.
  symlinkSync('daily', join(directory, 'broken', 'daily'))
  symlinkSync('blocks', join(directory, 'broken', 'blocks'))
  const { text, unreadable } = succeeded(await new Database({ config }).metrics())
  expect(valuesOf(text, 'catalog_readable')).toEqual({ shop: 1, blog: 0 })
  expect(unreadable).toMatchObject([{ database: 'blog', code: 'IO_FAILED' }])
})

test('the file is replaced in one step, can be read by everybody, and nothing is left beside it', async () => {
  const directory = temporaryDirectory()
  const database = protect(join(directory, 'shop.db'))
  mkdirSync(join(directory, 'textfile'))
  const output = join(directory, 'textfile', 'chame_backup.prom')
  const first = succeeded(await database.metrics({ output }))
  expect(first.path).toBe(output)
  const before = statSync(output)
  expect(before.mode & 0o777).toBe(0o644)
  const second = succeeded(await database.metrics({ output, mode: 0o640 }))
  expect(readFileSync(output, 'utf8')).toBe(second.text)
  const after = statSync(output)
  expect(after.mode & 0o777).toBe(0o640)
  expect(after.ino).not.toBe(before.ino)
  expect(filesBelow(join(directory, 'textfile'))).toEqual(['chame_backup.prom'])
})

test('what a killed run left is removed by the next', async () => {
  const directory = temporaryDirectory()
  const left = join(directory, '.chame-work-0123456789ab')
  mkdirSync(left)
  writeFileSync(join(left, '0123456789abcdef-metrics.prom'), '# HELP chame_ba')
  const output = join(directory, 'chame_backup.prom')
  succeeded(await protect(join(directory, 'shop.db')).metrics({ output }))
  expect(filesBelow(directory)).toEqual(['chame_backup.prom'])
})

test('twenty writers of the same file leave one whole file', async () => {
  const directory = temporaryDirectory()
  const output = join(directory, 'chame_backup.prom')
  const database = protect(join(directory, 'shop.db'))
  const results = await Promise.all(Array.from({ length: 20 }, () => database.metrics({ output })))
  const texts = results.map(result => succeeded(result).text)
  expect(texts).toContain(readFileSync(output, 'utf8'))
  expect(filesBelow(directory)).toEqual(['chame_backup.prom'])
})

test('only metrics are replaced: no database, no link, no directory', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'shop.db')
  buildLedger(path)
  const content = readFileSync(path)
  symlinkSync('shop.db', join(directory, 'link'))
  mkdirSync(join(directory, 'dir'))
  for (const output of [path, join(directory, 'link'), join(directory, 'dir'), '/dev/null']) {
    failedWith('TARGET_INVALID', await protect(path).metrics({ output }))
  }
  expect(readFileSync(path)).toEqual(content)
  expect(filesBelow(directory)).toEqual(['dir', 'link', 'shop.db'])
})

test('a request that is not one is refused', async () => {
  const database = protect(join(temporaryDirectory(), 'shop.db'))
  for (const request of [{ output: '' }, { output: 'a\0b' }, { mode: 0o1777 }, { mode: 1.5 }]) {
    failedWith('INVALID_ARGUMENT', await database.metrics(request))
  }
})

test('a mode without the file that it is for is refused, and says so', async () => {
  const database = protect(join(temporaryDirectory(), 'shop.db'))
  const { message } = failedWith('INVALID_ARGUMENT', await database.metrics({ mode: 0o600 }))
  expect(message).toContain('mode: needs output')
})

test('a name that no file can have is a failure that names it', async () => {
  const directory = temporaryDirectory()
  const output = join(directory, 'x'.repeat(300))
  const failure = failedWith('IO_FAILED', await protect(join(directory, 'shop.db')).metrics({ output }))
  expect(failure.message).toContain(output)
})

test('a directory that is not there is a failure that names it', async () => {
  const directory = temporaryDirectory()
  const output = join(directory, 'no', 'such.prom')
  const failure = failedWith('IO_FAILED', await protect(join(directory, 'shop.db')).metrics({ output }))
  expect(failure.message).toContain(join(directory, 'no'))
})

testWith(
  ['root', 'mount'],
  'on a full disk the old metrics stay, whole, and nothing else is left',
  async () => {
    const disk = temporaryDirectory()
    run('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk])
    onTestFinished(() => void run('umount', [disk]))
    const output = join(disk, 'chame_backup.prom')
    const database = protect(join(temporaryDirectory(), 'shop.db'))
    const { text } = succeeded(await database.metrics({ output }))
    const filler = openSync(join(disk, 'filler'), 'w')
    expect(() => {
      for (;;) writeSync(filler, Buffer.alloc(4096))
    }).toThrow('ENOSPC')
    closeSync(filler)
    failedWith('INSUFFICIENT_SPACE', await database.metrics({ output }))
    expect(readFileSync(output, 'utf8')).toBe(text)
    expect(filesBelow(disk)).toEqual(['chame_backup.prom', 'filler'])
  },
)

testWith(
  ['linux'],
  'a reader sees whole metrics at every instant, while their writers are killed',
  async () => {
    const directory = temporaryDirectory()
    const output = join(directory, 'chame_backup.prom')
    succeeded(await protect(join(directory, 'shop.db')).metrics({ output }))
    const program = `
      import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
      const database = new Database({ path: 'shop.db', backupDir: 'backups' })
      for (;;) await database.metrics({ output: ${JSON.stringify(output)} })`
    for (let killed = 0; killed < 5; killed++) {
      const before = statSync(output).ino
      const writer = spawn(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
        cwd: directory,
        stdio: 'ignore',
      })
      const ended = once(writer, 'exit')
      await vi.waitUntil(() => statSync(output).ino !== before, { timeout: 60_000, interval: 1 })
      for (let read = 0; read < 50; read++) parseMetrics(readFileSync(output, 'utf8'))
      writer.kill('SIGKILL')
      await ended
      parseMetrics(readFileSync(output, 'utf8'))
    }
    succeeded(await protect(join(directory, 'shop.db')).metrics({ output }))
    expect(filesBelow(directory)).toEqual(['chame_backup.prom'])
  },
)
