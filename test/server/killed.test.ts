/** Killed at any moment: what is added is listed and intact, or not there; the tokens are the old ones or the new. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { AccessStore } from '../../src/index.ts'
import { buildDatabase, buildLedger } from '../support/databases.ts'
import { protect, succeeded } from '../support/product.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname
/** CHAME_KILLS=100 for a night. */
const ROUNDS = Number(process.env['CHAME_KILLS'] ?? 6)

/** Runs a command and kills it after a share of the time that it took when nobody did. */
async function killedAfter(cwd: string, words: readonly string[], ms: number): Promise<void> {
  const child = spawn(process.execPath, [MAIN, ...words], { cwd, stdio: 'ignore' })
  const timer = setTimeout(() => child.kill('SIGKILL'), ms)
  await once(child, 'exit')
  clearTimeout(timer)
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

test('a file that is added by somebody who is killed is a whole backup, or none and in nobody’s way', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  const file = join(directory, 'old.db')
  buildDatabase(file, 'CREATE TABLE a AS SELECT randomblob(8000000) AS b', { journalMode: 'delete' })
  const words = ['add', file, '--path', 'shop.db']
  const wholeMs = await timed(() => killedAfter(directory, words, 60_000))
  const database = protect(join(directory, 'shop.db'))
  for (let round = 1; round <= ROUNDS; round++) {
    await killedAfter(directory, words, (wholeMs * round) / ROUNDS)
    for (const backup of await database.listBackups()) {
      // Killed after it has its name and before its metadata has: it is whole, and listed as what it is.
      expect(['ok', 'missing']).toContain(backup.metadataState)
      expect(succeeded(await database.verifyBackup(backup.path, { check: 'quick' })).status).toBe('intact')
    }
  }
  const before = (await database.listBackups()).length
  succeeded(await database.addBackup(file))
  expect(await database.listBackups()).toHaveLength(before + 1)
  const left = filesBelow(join(directory, 'backups')).filter(name =>
    /\.chame-(?:backup-[0-9a-f]|work)/.test(name),
  )
  expect(left).toEqual([])
})

test('tokens that somebody makes who is killed are there or not, and all others stay', async () => {
  const directory = temporaryDirectory()
  buildLedger(join(directory, 'shop.db'))
  const store = new AccessStore(join(directory, 'backups'))
  const { secret } = await store.createToken({ name: 'first', role: 'admin' })
  const words = ['token', 'create', '--name', 'x', '--role', 'viewer', '--path', 'shop.db']
  const wholeMs = await timed(() => killedAfter(directory, words, 60_000))
  for (let round = 1; round <= ROUNDS; round++) {
    await killedAfter(directory, words, (wholeMs * round) / ROUNDS)
    expect(await store.authenticate(secret)).toMatchObject({ name: 'first' })
  }
  await store.createToken({ name: 'last', role: 'viewer' })
  const left = readdirSync(join(directory, 'backups', 'server')).filter(name => name.endsWith('.new'))
  expect(left).toEqual([])
})
