import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Progress } from '../../src/index.ts'
import { buildLedger, openDatabase } from '../support/databases.ts'
import { holdEngines } from '../support/held-engines.ts'
import { assertIntact } from '../support/intact.ts'
import { callElsewhere } from '../support/other-process.ts'
import { backUp, engineProcesses, failedWith, protect, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { storedFiles, temporaryDirectory } from '../support/temporary.ts'

holdEngines()

const STEPS = [
  'find-database',
  'prepare-directories',
  'lock-catalog',
  'remove-leftovers',
  'copy-image',
  'sync-image',
  'check-image',
] as const
const LATE_STEPS = ['publish-image', 'write-metadata'] as const

function makeLedger(): { path: string; backupDir: string } {
  const directory = temporaryDirectory()
  const path = join(directory, 'ledger.db')
  buildLedger(path)
  return { path, backupDir: join(directory, 'backups') }
}

/** A ledger with a table of 80 MB, whose backup has time to be disturbed in the middle. */
function makeLargeLedger(journalMode: 'wal' | 'delete' = 'wal'): { path: string; backupDir: string } {
  const made = makeLedger()
  const open = openDatabase(made.path, { journalMode })
  open.exec('CREATE TABLE ballast (a); INSERT INTO ballast VALUES (randomblob(80000000))')
  open.close()
  return made
}

test.each(STEPS)('a backup cancelled at its step %s leaves nothing, and the next one works', async wanted => {
  const { path, backupDir } = makeLedger()
  const cancellation = new AbortController()
  const database = protect(path, { engine: 'here' })
  const result = await database.createBackup({
    signal: cancellation.signal,
    onProgress: ({ step }) => step === wanted && cancellation.abort(),
  })
  failedWith('CANCELLED', result)
  expect(storedFiles(backupDir)).toEqual([])
  expect(await database.listBackups()).toEqual([])
  assertIntact((await backUp(path)).backupPath)
})

test.each([...STEPS, ...LATE_STEPS])(
  'a backup in the engine process cancelled at its step %s is either whole or not there',
  async wanted => {
    const { path, backupDir } = makeLedger()
    const cancellation = new AbortController()
    const database = protect(path)
    const result = await database.createBackup({
      signal: cancellation.signal,
      onProgress: ({ step }) => step === wanted && cancellation.abort(),
    })
    expect(cancellation.signal.aborted).toBe(true)
    if (result.success) {
      expect(storedFiles(backupDir)).toHaveLength(2)
      assertIntact(result.backupPath)
    } else {
      expect(result.code).toBe('CANCELLED')
      expect(storedFiles(backupDir)).toEqual([])
    }
    assertIntact((await backUp(path)).backupPath)
  },
)

for (const journalMode of ['wal', 'delete'] as const) {
  for (const wanted of ['copy-image', 'check-image'] as const) {
    test(`a backup cancelled in the middle of ${wanted} leaves nothing, in ${journalMode} mode`, async () => {
      const { path, backupDir } = makeLargeLedger(journalMode)
      const cancellation = new AbortController()
      const result = await protect(path, { engine: 'here' }).createBackup({
        signal: cancellation.signal,
        onProgress: ({ step, doneBytes }) =>
          step === wanted && doneBytes !== undefined && cancellation.abort(),
      })
      failedWith('CANCELLED', result)
      expect(storedFiles(backupDir)).toEqual([])
    })
  }
}

test('a backup that was cancelled before it began does not touch anything', async () => {
  const { path, backupDir } = makeLedger()
  failedWith('CANCELLED', await protect(path).createBackup({ signal: AbortSignal.abort() }))
  expect(existsSync(backupDir)).toBe(false)
})

test('a backup that waits for another one in the same directory can be cancelled', async () => {
  const { path, backupDir } = makeLedger()
  await backUp(path)
  const lock = openDatabase(join(backupDir, '.chame-backup.lock'), { journalMode: 'memory' })
  lock.exec('BEGIN EXCLUSIVE')
  const cancellation = new AbortController()
  const result = await protect(path).createBackup({
    signal: cancellation.signal,
    onProgress: ({ step }) => step === 'lock-catalog' && cancellation.abort(),
  })
  failedWith('CANCELLED', result)
  lock.exec('ROLLBACK')
  lock.close()
  await backUp(path)
})

test('verifying can be cancelled', async () => {
  const { path } = makeLargeLedger()
  const { filename } = await backUp(path, { check: 'none' })
  const cancellation = new AbortController()
  const onProgress = ({ doneBytes }: Progress): void => {
    if (doneBytes !== undefined) cancellation.abort()
  }
  const result = await protect(path).verifyBackup(filename, { signal: cancellation.signal, onProgress })
  failedWith('CANCELLED', result)
  expect(succeeded(await protect(path).verifyBackup(filename)).status).toBe('intact')
})

test('the steps of a backup are reported in their order, bytes grow up to the total', async () => {
  const { path } = makeLargeLedger()
  const reports: Progress[] = []
  const { metadata } = await backUp(path, { onProgress: progress => reports.push(progress) })
  const steps = reports.filter(({ doneBytes }) => doneBytes === undefined).map(({ step }) => step)
  expect(steps).toEqual([...STEPS, ...LATE_STEPS])
  for (const wanted of ['copy-image', 'check-image']) {
    const bytes = reports.filter(({ step, doneBytes }) => step === wanted && doneBytes !== undefined)
    expect(bytes.length).toBeGreaterThan(1)
    expect(bytes.map(({ doneBytes }) => doneBytes)).toEqual(
      bytes.map(({ doneBytes }) => doneBytes ?? 0).toSorted((a, b) => a - b),
    )
    for (const { doneBytes, totalBytes } of bytes) {
      expect(totalBytes).toBe(metadata.file_size)
      expect(doneBytes).toBeLessThanOrEqual(metadata.file_size)
    }
  }
})

for (const victim of ['engine', 'sqlite'] as const) {
  testWith(
    ['linux'],
    `when the ${victim} process is killed in the middle, the backup fails, is not there, and the next one works`,
    async () => {
      const { path, backupDir } = makeLargeLedger()
      let isKilled = false
      const result = await protect(path).createBackup({
        onProgress({ step, doneBytes }) {
          if (isKilled || step !== 'copy-image' || doneBytes === undefined) return
          for (const pid of engineProcesses().flatMap(pids => pids[victim] ?? []))
            process.kill(pid, 'SIGKILL')
          isKilled = true
        },
      })
      expect(failedWith('ENGINE_FAILED', result).hint).toBeDefined()
      expect(await protect(path).listBackups()).toEqual([])
      await backUp(path)
      expect(storedFiles(backupDir)).toHaveLength(2)
    },
  )

  testWith(
    ['linux'],
    `when the idle ${victim} process is killed, the next backup works all the same`,
    async () => {
      const { path } = makeLedger()
      await backUp(path)
      const victims = engineProcesses().flatMap(pids => pids[victim] ?? [])
      expect(victims.length).toBeGreaterThan(0)
      for (const pid of victims) process.kill(pid, 'SIGKILL')
      while (victims.some(pid => existsSync(`/proc/${pid}`))) await sleep(2)
      assertIntact((await backUp(path)).backupPath)
    },
  )
}

test('a program that has made a backup ends by itself, and so does its engine', async () => {
  const { path, backupDir } = makeLedger()
  const source = `
    import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
    import { readFileSync } from 'node:fs'
    const made = await new Database(${JSON.stringify({ path, backupDir })}).createBackup()
    console.log(made.success)
  `
  const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', source])
  const [[code], [output]] = (await Promise.all([once(child, 'exit'), once(child.stdout, 'data')])) as [
    number[],
    Buffer[],
  ]
  expect(code).toBe(0)
  expect(String(output)).toBe('true\n')
  expect(callElsewhere({ path, backupDir }, [['listBackups']])).toHaveLength(1)
})

testWith(
  ['linux'],
  'when its host is killed in the middle of a backup, the engine ends and leaves nothing',
  async () => {
    const { path, backupDir } = makeLargeLedger()
    const source = `
    import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
    const database = new Database(${JSON.stringify({ path, backupDir })})
    await database.createBackup({ onProgress: ({ step, doneBytes }) => {
      if (step === 'copy-image' && doneBytes !== undefined) process.kill(process.pid, 'SIGKILL')
    } })
  `
    const child = spawn(process.execPath, ['--no-warnings', '--input-type=module', '--eval', source])
    const [, by] = (await once(child, 'exit')) as [number | null, string | null]
    expect(by).toBe('SIGKILL')
    // The engine notices, gives up, and lets go of the catalog's lock: the next backup gets it and is the only one.
    while (storedFiles(backupDir).some(name => name.includes('.chame-backup-'))) await sleep(5)
    expect(storedFiles(backupDir)).toEqual([])
    await backUp(path)
  },
)
