import { mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { readState, removeTemporaryStates, statePath, writeState } from '../../src/schedule/state-file.ts'
import type { SchedulerState } from '../../src/schedule/state.ts'
import { run, testWith } from '../support/requirements.ts'
import { filesBelow, temporaryDirectory } from '../support/temporary.ts'

const AT = '2026-11-25T02:00:00.000Z'
const STATE: SchedulerState = {
  schema: 1,
  updatedAt: AT,
  scheduler: { pid: 1, host: 'host', startedAt: AT, stoppedAt: null },
  digestedAt: AT,
  databases: {
    chame: {
      lastGoodAt: AT,
      maxBackupAgeMs: 1,
      isOverdue: false,
      overdueToldAt: null,
      lastDrill: { at: AT, passed: true },
      failuresSinceDigest: 2,
    },
  },
  jobs: [
    {
      job: 'daily',
      database: 'chame',
      kind: 'backup',
      coveredUntil: AT,
      nextRunAt: null,
      running: { dueAt: AT, startedAt: AT, attempt: 1 },
      retry: { dueAt: AT, at: AT, attempts: 1 },
      lastRun: {
        dueAt: AT,
        startedAt: AT,
        endedAt: AT,
        outcome: 'failed',
        attempts: 1,
        summary: null,
        failure: { code: 'IO_FAILED', message: 'It failed' },
      },
      lastSuccessAt: null,
      failingSince: AT,
      lastGap: { from: AT, to: AT, missedRuns: 3 },
    },
  ],
}
const DURABLE = { isDurable: true }

test('what was written is read again, by its owner only, and nothing else is left', async () => {
  const directory = temporaryDirectory()
  await writeState(directory, STATE, DURABLE)
  await writeState(directory, STATE, DURABLE)
  expect(await readState(directory)).toEqual(STATE)
  expect(statSync(statePath(directory)).mode & 0o777).toBe(0o600)
  expect(filesBelow(directory)).toEqual(['scheduler-state.json'])
})

test('a file that is cut off anywhere is damaged, never half a state', async () => {
  const directory = temporaryDirectory()
  await writeState(directory, STATE, DURABLE)
  const text = readFileSync(statePath(directory), 'utf8').trimEnd()
  for (let length = 0; length < text.length; length += 7) {
    writeFileSync(statePath(directory), text.slice(0, length))
    expect(await readState(directory), `${length} bytes`).toBe('damaged')
  }
})

test('a missing file is missing; a directory or a link in its place is damaged and not followed', async () => {
  const directory = temporaryDirectory()
  expect(await readState(directory)).toBe('missing')
  expect(await readState(join(directory, 'nowhere'))).toBe('missing')
  const elsewhere = temporaryDirectory()
  await writeState(elsewhere, STATE, DURABLE)
  symlinkSync(statePath(elsewhere), statePath(directory))
  expect(await readState(directory)).toBe('damaged')
  const other = temporaryDirectory()
  mkdirSync(statePath(other))
  expect(await readState(other)).toBe('damaged')
})

testWith(['linux', 'mkfifo'], 'a pipe in its place does not keep anybody waiting', async () => {
  const directory = temporaryDirectory()
  run('mkfifo', [statePath(directory)])
  expect(await readState(directory)).toBe('damaged')
})

test('a link in its place is replaced, and what it leads to stays', async () => {
  const directory = temporaryDirectory()
  const victim = join(temporaryDirectory(), 'victim')
  writeFileSync(victim, 'mine')
  symlinkSync(victim, statePath(directory))
  await writeState(directory, STATE, DURABLE)
  expect(readFileSync(victim, 'utf8')).toBe('mine')
  expect(await readState(directory)).toEqual(STATE)
})

test('what a killed writer left is removed, and nothing that is called otherwise', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, '.scheduler-state-0123456789ab'), '{')
  writeFileSync(join(directory, '.scheduler-state-mine'), '')
  await removeTemporaryStates(directory)
  expect(filesBelow(directory)).toEqual(['.scheduler-state-mine'])
})
