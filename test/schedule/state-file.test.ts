import { mkdirSync, readFileSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { appendChange, changesPath } from '../../src/schedule/state-changes.ts'
import { readState, removeTemporaryStates, statePath, writeState } from '../../src/schedule/state-file.ts'
import type { DatabaseState, JobState, SchedulerState } from '../../src/schedule/state.ts'
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
const ID = '0123456789ab'

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
  writeFileSync(changesPath(directory, 'aaaaaaaaaaaa'), '')
  writeFileSync(changesPath(directory, ID), '')
  await removeTemporaryStates(directory, ID)
  expect(filesBelow(directory)).toEqual(['.scheduler-state-mine', `scheduler-state-${ID}.changes`])
  await removeTemporaryStates(directory, null)
  expect(filesBelow(directory)).toEqual(['.scheduler-state-mine'])
})

describe('of a state with changes beside it', () => {
  const [job] = STATE.jobs as [JobState]
  const LATER = '2026-11-25T02:00:01.000Z'
  const changed = { ...job, running: null, coveredUntil: LATER }
  const change = { updatedAt: LATER, databases: {}, jobs: [changed, { ...changed, job: 'weekly' }] }

  async function written(): Promise<{ readonly directory: string; readonly path: string }> {
    const directory = temporaryDirectory()
    await writeState(directory, { ...STATE, changes: ID }, DURABLE)
    const path = changesPath(directory, ID)
    await appendChange(path, change, DURABLE)
    await appendChange(
      path,
      { ...change, databases: { other: STATE.databases['chame'] as DatabaseState }, jobs: [] },
      DURABLE,
    )
    return { directory, path }
  }

  test('the last of each is read, by its owner only', async () => {
    const { directory, path } = await written()
    expect(await readState(directory)).toEqual({
      ...STATE,
      changes: ID,
      updatedAt: LATER,
      databases: { ...STATE.databases, other: STATE.databases['chame'] },
      jobs: change.jobs,
    })
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  test('without the file, and before its first line is whole, it is the state as it was written', async () => {
    const { directory, path } = await written()
    writeFileSync(path, readFileSync(path, 'utf8').slice(0, 20))
    expect(await readState(directory)).toEqual({ ...STATE, changes: ID })
    rmSync(path)
    expect(await readState(directory)).toEqual({ ...STATE, changes: ID })
  })

  test('a line that was cut short, and what follows it, counts for nothing', async () => {
    const { directory, path } = await written()
    const [first = '', second = ''] = readFileSync(path, 'utf8').split('\n')
    writeFileSync(path, `${first}\n${second.slice(0, 9)}\n${second}\n`)
    expect(await readState(directory)).toMatchObject({ databases: STATE.databases, jobs: change.jobs })
  })

  test('a link in its place is not followed', async () => {
    const { directory, path } = await written()
    const elsewhere = `${path}-elsewhere`
    renameSync(path, elsewhere)
    symlinkSync(elsewhere, path)
    expect(await readState(directory)).toBe('damaged')
    await expect(appendChange(path, change, DURABLE)).rejects.toMatchObject({ code: 'IO_FAILED' })
  })
})
