import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { printHead, readLine } from '../../src/audit/line.ts'
import { testWith } from '../support/requirements.ts'
import { noted } from './place.ts'

testWith(
  ['linux'],
  'each line names the start of the machine that it was written in, whichever process wrote it',
  async () => {
    const place = await noted(1)
    await place.database({ engine: 'process' }).recordAction({ action: 'noted' })
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()
    expect((await place.entries()).map(entry => entry.boot)).toEqual([boot, boot, boot])
    // It is hashed like all else.
    place.writeLines(
      place.lines().map((line, i) => (i === 1 ? line.replace(boot, boot.replace(/^./, 'x')) : line)),
    )
    expect((await place.verified()).problems).toMatchObject([{ code: 'LINE_CHANGED', line: 2 }])
  },
)

/** As they were written before lines named it. */
const OLD_LINES = [
  '{"seq":1,"time":"2026-11-01T02:00:01.000Z","actor":{"door":"cli","who":"root"},"action":"create","database":"app","on":"app_backup_manual_20261101_020000.db","parameters":{},"result":"success","durationMs":12,"previous":"0000000000000000000000000000000000000000000000000000000000000000","hash":"9090672cddf6125a99559f6cb1290c088ad2c1bcaa17367d3d5dcd129d31bba4"}',
  '{"seq":2,"time":"2026-11-01T02:00:02.000Z","actor":{"door":"cli","who":"root"},"action":"pin","database":"app","on":"app_backup_manual_20261101_020000.db","parameters":{},"result":"success","durationMs":12,"previous":"9090672cddf6125a99559f6cb1290c088ad2c1bcaa17367d3d5dcd129d31bba4","hash":"f53b23a6ae815544ab50140930e179d1c82205714bd691dc70d234e9274bc847"}',
]

test('a log of lines that name none, as older versions wrote it, is intact, and goes on', async () => {
  const place = await noted(0)
  place.writeLines(OLD_LINES)
  const newest = readLine(OLD_LINES[1] ?? '')
  if (newest.state !== 'entry') throw new Error(newest.state)
  writeFileSync(place.head, printHead(newest.entry))
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 2 })
  await place.note(1)
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 3, problems: [], notes: [] })
  expect(place.lines().slice(0, 2)).toEqual(OLD_LINES)
})
