/** The audit log with real processes: many at once, killed ones, and a log that cannot be written. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdirSync, rmSync } from 'node:fs'
import { expect, test } from 'vitest'
import { type Event, type Run, runUnderShim, SHIM_NEEDS } from '../faults/shim.ts'
import { testWith } from '../support/requirements.ts'
import { AuditPlace, noted, succeeded } from './place.ts'

const KILLS = Number(process.env['AUDIT_KILLS'] ?? 12)

const NOTE = `
  import { Database } from ${JSON.stringify(new URL('../../src/index.ts', import.meta.url).href)}
  const [path, backupDir, who, count] = process.argv.slice(1)
  const database = new Database({ path, backupDir, actor: { door: 'library', who } })
  console.log('ready')
  for (let i = 0; i < Number(count); i++) {
    await database.recordAction({ action: 'noted', parameters: { i } })
    console.log(i)
  }
`

function startNoting(place: AuditPlace, who: string, count: number): ReturnType<typeof spawn> {
  const { NODE_OPTIONS: _, ...env } = process.env
  const args = [
    '--no-warnings',
    '--input-type=module',
    '--eval',
    NOTE,
    '--',
    place.path,
    place.backupDir,
    who,
  ]
  return spawn(process.execPath, [...args, String(count)], { stdio: ['ignore', 'pipe', 'inherit'], env })
}

test('processes that note at once make one chain, without a line lost', async () => {
  const place = await noted(0)
  const processes = ['a', 'b', 'c'].map(who => startNoting(place, who, 20))
  for (const child of processes) child.stdout?.resume()
  await Promise.all(processes.map(child => once(child, 'exit')))
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 61, notes: [] })
  const entries = await place.entries()
  for (const who of ['a', 'b', 'c']) {
    const own = entries.filter(({ actor }) => actor.who === who).map(({ parameters }) => parameters['i'])
    expect(own.toReversed()).toEqual(Array.from({ length: 20 }, (_, i) => i))
  }
})

test('calls that note at once in one process make one chain, too', async () => {
  const place = await noted(0)
  await Promise.all(Array.from({ length: 20 }, () => place.note(1)))
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 21 })
})

test('a process that is killed while it notes leaves a chain that the next one goes on with', async () => {
  const place = await noted(0)
  let acknowledged = 0
  for (let kill = 0; kill < KILLS; kill++) {
    const child = startNoting(place, `victim ${kill}`, 100_000)
    const lines = 1 + kill * 3
    let output = ''
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) {
      output += chunk.toString('utf8')
      if (output.split('\n').length > lines + 1) break
    }
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    acknowledged += output.split('\n').length - 2
    const { status, entries } = await place.verified()
    expect(status).toBe('intact')
    expect(entries).toBeGreaterThanOrEqual(acknowledged)
  }
  await place.note(1)
  expect((await place.verified()).status).toBe('intact')
})

testWith(
  SHIM_NEEDS,
  'a process that is killed right behind the very first line leaves a log that is intact',
  async () => {
    const { calls } = await noteFirst(new AuditPlace())
    const last = (wanted: string): number => 1 + calls.findLastIndex(({ call }) => call === wanted)
    // The line is written, and its head is not: before the one is flushed, and before the other is written.
    for (const at of [last('fsync'), last('write')]) {
      const place = new AuditPlace()
      const killed = await noteFirst(place, { kind: 'kill' }, at)
      expect(killed.calls.at(-1)?.isHit).toBe(true)
      expect(await place.verified(), `killed at ${calls[at - 1]?.call}`).toMatchObject({
        status: 'intact',
        entries: 1,
      })
    }
  },
)

/** Notes one action where none was noted before; only calls on the log and its head count. */
function noteFirst(place: AuditPlace, event?: Event, at = 0): Promise<Run> {
  mkdirSync(place.backupDir)
  const args = ['--input-type=module', '--eval', NOTE, '--', place.path, place.backupDir, 'first', '1']
  const fault = event === undefined ? {} : { event, at }
  return runUnderShim(args, { paths: [`${place.backupDir}/audit.`], ...fault })
}

test('where the log cannot be written the result stands, the caller is told, and the next line says what is missing', async () => {
  const told: string[] = []
  const place = new AuditPlace()
  const product = place.database({ onAuditProblem: message => told.push(message) })
  succeeded(await product.createBackup())
  rmSync(place.log)
  mkdirSync(place.log)
  succeeded(await product.createBackup())
  succeeded(await product.createBackup())
  expect(told).toHaveLength(2)
  expect(told[0]).toMatch(/^The audit log could not be written, and says nothing of this create: /)
  rmSync(place.log, { recursive: true })
  succeeded(await product.createBackup())
  expect(told).toHaveLength(2)
  expect(await place.entries()).toMatchObject([{ gap: { unwritten: 2, restarted: true } }])
  expect(await place.verified()).toMatchObject({
    status: 'intact',
    notes: [expect.any(String), expect.stringContaining('2 actions')],
  })
})

test('a log that is a link is not followed', async () => {
  const told: string[] = []
  const place = new AuditPlace()
  const { symlinkSync, writeFileSync, readFileSync } = await import('node:fs')
  const precious = `${place.directory}/precious`
  writeFileSync(precious, 'mine')
  chmodSync(precious, 0o600)
  mkdirSync(place.backupDir)
  symlinkSync(precious, place.log)
  succeeded(await place.database({ onAuditProblem: message => told.push(message) }).createBackup())
  expect(told).toHaveLength(1)
  expect(readFileSync(precious, 'utf8')).toBe('mine')
})
