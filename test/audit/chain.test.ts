import { createHash } from 'node:crypto'
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { makeLine } from '../../src/audit/line.ts'
import type { AuditEntry } from '../../src/index.ts'
import { type AuditPlace, noted } from './place.ts'

test('a line can be checked with tools that are on every machine, as docs/formats.md says', async () => {
  const place = await noted(1)
  for (const line of place.lines()) {
    const { hash } = JSON.parse(line) as AuditEntry
    const hashed = line.replace(/,"hash":"[0-9a-f]{64}"\}$/, '')
    expect(createHash('sha256').update(hashed).digest('hex')).toBe(hash)
  }
  const [first, second] = place.lines().map(line => JSON.parse(line) as AuditEntry)
  expect(first?.previous).toBe('0'.repeat(64))
  expect(second?.previous).toBe(first?.hash)
  expect(readFileSync(place.head, 'utf8')).toBe(`0000000000000002 ${second?.hash}\n`)
})

/** What may be done to a log, and the first line at which that shows. */
const TAMPERINGS: readonly [string, (lines: string[]) => string[], string, number | null][] = [
  ['a changed word', lines => lines.with(3, lines[3]?.replace('noted', 'NOTED') ?? ''), 'LINE_CHANGED', 4],
  ['a changed hash', lines => lines.with(3, lines[3]?.replace(/.{3}"\}$/, 'abc"}') ?? ''), 'LINE_CHANGED', 4],
  ['a removed line', lines => lines.toSpliced(4, 1), 'LINE_MISSING', 5],
  ['the first line removed', lines => lines.slice(1), 'LINE_MISSING', 1],
  ['two lines swapped', lines => lines.with(2, lines[3] ?? '').with(3, lines[2] ?? ''), 'LINE_REORDERED', 3],
  ['a line moved to the end', lines => [...lines.toSpliced(2, 1), lines[2] ?? ''], 'LINE_REORDERED', 3],
  ['a line twice', lines => lines.toSpliced(4, 0, lines[3] ?? ''), 'LINE_REORDERED', 5],
  ['a line that is none', lines => lines.with(5, '{"seq":6}'), 'LINE_INVALID', 6],
  ['an empty line', lines => lines.toSpliced(5, 0, ''), 'LINE_INVALID', 6],
  ['the last line removed', lines => lines.slice(0, -1), 'TAIL_MISSING', null],
  ['all lines removed', () => [], 'TAIL_MISSING', null],
]

test.each(TAMPERINGS)('%s is found and named', async (_, tamper, code, line) => {
  const place = await noted(7)
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 8, problems: [] })
  place.writeLines(tamper(place.lines()))
  const { status, problems } = await place.verified()
  expect(status).toBe('damaged')
  expect(problems).toMatchObject([{ code, line }])
})

test('whatever byte of the log is changed, it is found', async () => {
  const place = await noted(4)
  const whole = readFileSync(place.log)
  for (let at = 0; at < whole.length; at += 7) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] ?? 0) ^ 0x04
    writeFileSync(place.log, changed)
    expect((await place.verified()).status, `byte ${at}`).toBe('damaged')
  }
})

test('a log that was written anew as a whole is found by the head', async () => {
  const place = await noted(3)
  let previous = '0'.repeat(64)
  const anew = place.lines().map(line => {
    const { hash: _, ...entry } = JSON.parse(line) as AuditEntry
    const made = makeLine({ ...entry, action: 'other', previous })
    previous = made.hash
    return made.line.trimEnd()
  })
  place.writeLines(anew)
  expect(await place.verified()).toMatchObject({
    status: 'damaged',
    problems: [{ code: 'LINE_CHANGED', line: 4 }],
  })
})

test('without a head a cut tail would not show, and that is said', async () => {
  const place = await noted(2)
  for (const spoil of [() => writeFileSync(place.head, 'nonsense'), () => rmSync(place.head)]) {
    spoil()
    expect(await place.verified()).toMatchObject({ status: 'damaged', problems: [{ code: 'HEAD_INVALID' }] })
  }
  // The next line makes it anew.
  await place.note(1)
  expect((await place.verified()).status).toBe('intact')
})

test('a tail that was cut off is missed for ever, whatever is noted after it', async () => {
  const place = await noted(5)
  place.writeLines(place.lines().slice(0, 3))
  await place.note(2)
  expect(await place.verified()).toMatchObject({
    status: 'damaged',
    problems: [{ code: 'LINE_MISSING', line: 4 }],
  })
  expect((await place.entries())[0]?.seq).toBe(8)
})

test('a line that a crash cut short is noted by the next one, and counts for nothing', async () => {
  const place = await noted(3)
  const before = readFileSync(place.log)
  writeFileSync(place.log, Buffer.concat([before, Buffer.from('{"seq":5,"time":"2026-')]))
  const torn = await place.verified()
  expect(torn).toMatchObject({ status: 'intact', entries: 4, notes: [expect.stringContaining('cut short')] })
  await place.note(2)
  const after = await place.verified()
  expect(after).toMatchObject({ status: 'intact', entries: 6, notes: [expect.stringContaining('Line 5')] })
  expect(place.lines()[5]).toContain('"gap":{"torn":{"bytes":22,')
})

test.each(['\n{"seq":5,"ti', '\n', '\n\n{"seq":5,"gap":{"torn":'])(
  'lines that two crashes in a row cut short are noted as one, whatever the second left: %j',
  async second => {
    const place = await noted(3)
    const before = readFileSync(place.log)
    const text = `{"seq":5,"time":"2026-${second}`
    writeFileSync(place.log, Buffer.concat([before, Buffer.from(text)]))
    // A power cut leaves an older head.
    const [, , third] = place.lines().map(line => /"hash":"(\w+)"\}$/.exec(line)?.[1])
    writeFileSync(place.head, `0000000000000003 ${third}\n`)
    await place.note(2)
    expect(await place.verified()).toMatchObject({
      status: 'intact',
      entries: 6,
      notes: [expect.stringContaining('Line 5')],
    })
    expect((await place.entries()).map(({ seq }) => seq)).toEqual([6, 5, 4, 3, 2, 1])
  },
)

test('a line that is longer than most is gone on from, and so is one that was cut short late', async () => {
  const place = await noted(1)
  const many = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`p${i}`, 'x'.repeat(500)]))
  await place.product.recordAction({ action: 'noted', parameters: many })
  expect(Math.max(...place.lines().map(line => line.length))).toBeGreaterThan(8_000)
  await place.note(1)
  const before = readFileSync(place.log)
  writeFileSync(place.log, Buffer.concat([before, Buffer.alloc(9_000, 'y')]))
  await place.note(1)
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 5 })
  expect(place.lines().at(-1)).toContain('"gap":{"torn":{"bytes":9000,')
})

test('a line of which only the end is missing is whole', async () => {
  const place = await noted(3)
  const before = readFileSync(place.log)
  writeFileSync(place.log, before.subarray(0, -1))
  await place.note(1)
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 5, notes: [] })
})

test('a head that a crash left one line behind is no damage', async () => {
  const place = await noted(3)
  const head = readFileSync(place.head)
  await place.note(1)
  writeFileSync(place.head, head)
  expect((await place.verified()).status).toBe('intact')
  await place.note(1)
  expect(await place.verified()).toMatchObject({ status: 'intact', entries: 6 })
})

test('a log that was put away is gone on with, and says so', async () => {
  const place = await noted(3)
  renameSync(place.log, `${place.log}.2025`)
  await place.note(2)
  const verified = await place.verified()
  expect(verified).toMatchObject({
    status: 'intact',
    entries: 2,
    notes: [expect.stringContaining('put away')],
  })
  expect(await chainGoesOn(place)).toBe(true)
})

async function chainGoesOn(place: AuditPlace): Promise<boolean> {
  const last = JSON.parse(
    readFileSync(`${place.log}.2025`, 'utf8').trimEnd().split('\n').at(-1) ?? '',
  ) as AuditEntry
  const first = (await place.entries()).at(-1)
  return first?.previous === last.hash && first.seq === last.seq + 1
}

test('a file that is no log at all is damaged, however long its lines are', async () => {
  const place = await noted(1)
  const before = readFileSync(place.log)
  for (const junk of [Buffer.alloc(5_000_000, 'x'), Buffer.alloc(100_000, '\n'), Buffer.alloc(3_000_000)]) {
    writeFileSync(place.log, Buffer.concat([before, junk]))
    expect((await place.verified()).status).toBe('damaged')
    expect(await place.entries()).toHaveLength(2)
  }
})
