/** Damaged and hostile write-ahead logs, and journals: what lies beside a database decides what is in it. */
import { randomFrom } from '../faults/extent.ts'
import type { Base } from './bases.ts'
import type { MalformedImage } from './images.ts'
import { FRAME_HEADER_BYTES, framesOf, WAL_HEADER_BYTES, walOf, type WalForm } from './wal-file.ts'

const JOURNAL_HEADER_BYTES = 28

type WalBase = Base & { readonly wal: Buffer }
type JournalBase = Base & { readonly journal: Buffer }

/** Every log that the generator makes of a base's, beside the base's main file; and the log beside other main files. */
export function damagedWals(base: WalBase, other: WalBase): MalformedImage[] {
  const wals = [...bytewise(base), ...cuts(base), ...tails(base, other), ...forged(base)]
  return [
    ...wals.map(({ id, wal }) => ({ id: `wal/${id}`, bytes: base.bytes, wal })),
    ...besideOtherFiles(base, other),
  ]
}

interface NamedWal {
  readonly id: string
  readonly wal: Buffer
}

/** Each byte of the header and of each frame's header, and some of each page. */
function bytewise({ wal, pageSize }: WalBase): NamedWal[] {
  const random = randomFrom(2)
  const step = FRAME_HEADER_BYTES + pageSize
  const places = Array.from({ length: WAL_HEADER_BYTES }, (_, at) => ({ id: `header/${at}`, at }))
  for (let frame = 1, start = WAL_HEADER_BYTES; start < wal.length; frame++, start += step) {
    for (let at = 0; at < FRAME_HEADER_BYTES; at++)
      places.push({ id: `frame-${frame}/${at}`, at: start + at })
    for (const at of [0, pageSize / 2, pageSize - 1])
      places.push({ id: `page-${frame}/${at}`, at: start + FRAME_HEADER_BYTES + at })
  }
  return places.flatMap(({ id, at }) => {
    const values = new Set(
      id.startsWith('header') ? [0x00, 0xff, Math.floor(random() * 256)] : [(wal[at] ?? 0) ^ 0xff],
    )
    values.delete(wal[at] ?? 0)
    return [...values].map(value => {
      const damaged = Buffer.from(wal)
      damaged[at] = value
      return { id: `${id}=${value.toString(16)}`, wal: damaged }
    })
  })
}

/** Cut at every frame's boundary, and inside every header and page. */
function cuts({ wal, pageSize }: WalBase): NamedWal[] {
  const lengths = [0, 1, WAL_HEADER_BYTES - 1, WAL_HEADER_BYTES]
  for (let start = WAL_HEADER_BYTES; start < wal.length; start += FRAME_HEADER_BYTES + pageSize)
    for (const at of [0, 1, FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + pageSize - 1]) lengths.push(start + at)
  return [...new Set(lengths)].map(length => ({ id: `cut/${length}`, wal: wal.subarray(0, length) }))
}

/** What an older, longer log leaves behind its successor, and what a crash leaves behind a log. */
function tails({ wal, pageSize }: WalBase, other: WalBase): NamedWal[] {
  const frames = framesOf(wal)
  const older = walOf(frames, { pageSize, salts: [0x01020303, 0x99999999] })
  return [
    { id: 'tail/zeros', wal: Buffer.concat([wal, Buffer.alloc(3 * (FRAME_HEADER_BYTES + pageSize))]) },
    { id: 'tail/noise', wal: Buffer.concat([wal, Buffer.alloc(2000, 0x5a)]) },
    { id: 'tail/older', wal: Buffer.concat([wal, older.subarray(WAL_HEADER_BYTES)]) },
    { id: 'tail/itself', wal: Buffer.concat([wal, wal.subarray(WAL_HEADER_BYTES)]) },
    { id: 'tail/uncommitted', wal: walOf([...frames, ...uncommitted(frames)], { pageSize }) },
    { id: 'tail/another', wal: Buffer.concat([wal, other.wal.subarray(WAL_HEADER_BYTES)]) },
  ]
}

function uncommitted(frames: ReturnType<typeof framesOf>): ReturnType<typeof framesOf> {
  return frames
    .slice(0, 3)
    .map(({ page, content }) => ({ page, commit: 0, content: Buffer.from(content).fill(0xee) }))
}

/** Logs whose checksums are right and which say what SQLite would never write. */
function forged({ wal, pageSize }: WalBase): NamedWal[] {
  const frames = framesOf(wal)
  const last = frames.length - 1
  const change = (at: number, part: Partial<(typeof frames)[0]>): typeof frames =>
    frames.map((frame, i) => (i === at ? { ...frame, ...part } : frame))
  const named = (id: string, list: typeof frames, form: Partial<WalForm> = {}): NamedWal => ({
    id: `forged/${id}`,
    wal: walOf(list, { pageSize, ...form }),
  })
  const noise = Buffer.alloc(pageSize, 0x5a)
  return [
    named('big-endian', frames, { isBigEndian: true }),
    named('version', frames, { version: 3_007_001 }),
    named('no-frames', []),
    named(
      'no-commit',
      frames.map(frame => ({ ...frame, commit: 0 })),
    ),
    named('last-commit-gone', change(last, { commit: 0 })),
    named(
      'every-frame-commits',
      frames.map(frame => ({ ...frame, commit: frames[last]?.commit ?? 1 })),
    ),
    named('reversed', frames.toReversed()),
    ...[1, 2, 5, 19, 21, 100, 3_000, 0x7fffffff, 0xfffffffe, 0xffffffff].map(commit =>
      named(`pages-after-commit=${commit}`, change(last, { commit })),
    ),
    ...[0, 21, 30, 5_000, 0x7fffffff, 0xffffffff].flatMap(page => [
      named(`first-page=${page}`, change(0, { page })),
      named(`last-page=${page}`, change(last, { page })),
    ]),
    ...[0, 1, 512, 1024, 4096, 65_536, 3, 0x7fffffff]
      .filter(size => size !== pageSize)
      .map(size => ({ id: `forged/page-size=${size}`, wal: withPageSize(wal, size) })),
    ...frames.map((_, i) => named(`noise-in-${i + 1}`, change(i, { content: noise }))),
    named('first-page-of-noise', [...frames, { page: 1, commit: frames[last]?.commit ?? 1, content: noise }]),
    named('a-hole', [...frames, { page: 4_000, commit: 4_000, content: noise }]),
    named('a-hole-that-counts', [
      ...frames,
      distrusted(frames),
      { page: 4_000, commit: 4_000, content: noise },
    ]),
    named('one-page', [{ page: 1, commit: 1, content: frames[0]?.content ?? noise }]),
  ]
}

/** The first page with counters that differ, so that SQLite goes by the commit's page count and not by the header's. */
function distrusted(frames: ReturnType<typeof framesOf>): ReturnType<typeof framesOf>[0] {
  const content = Buffer.from(frames.findLast(({ page }) => page === 1)?.content ?? [])
  content.writeUInt32BE(0x7fffffff, 92)
  return { page: 1, commit: 0, content }
}

/** The header's checksum is right; the frames are as they were. */
function withPageSize(wal: Buffer, pageSize: number): Buffer {
  return Buffer.concat([walOf([], { pageSize }), wal.subarray(WAL_HEADER_BYTES)])
}

/** A log that belongs to another database, or whose database is gone, cut, replaced or in another journal mode. */
function besideOtherFiles(base: WalBase, other: WalBase): MalformedImage[] {
  const { bytes, wal, pageSize } = base
  const inRollbackMode = Buffer.from(bytes)
  inRollbackMode[18] = inRollbackMode[19] = 1
  const withWholeFirst = walOf(
    [
      ...framesOf(wal),
      { page: 1, commit: bytes.length / pageSize, content: Buffer.from(bytes.subarray(0, pageSize)) },
    ],
    { pageSize },
  )
  return [
    { id: 'beside/of-another', bytes, wal: other.wal },
    { id: 'beside/another-with-it', bytes: other.bytes, wal },
    { id: 'beside/rollback-mode', bytes: inRollbackMode, wal },
    { id: 'beside/rollback-mode-first-page', bytes: inRollbackMode, wal: withWholeFirst },
    { id: 'beside/rollback-mode-empty', bytes: inRollbackMode, wal: Buffer.alloc(0) },
    { id: 'beside/rollback-mode-no-frames', bytes: inRollbackMode, wal: wal.subarray(0, WAL_HEADER_BYTES) },
    { id: 'beside/nothing', bytes: Buffer.alloc(0), wal },
    { id: 'beside/nothing-first-page', bytes: Buffer.alloc(0), wal: withWholeFirst },
    { id: 'beside/noise', bytes: Buffer.alloc(bytes.length, 0x5a), wal },
    { id: 'beside/noise-first-page', bytes: Buffer.alloc(bytes.length, 0x5a), wal: withWholeFirst },
    ...[1, 2, 10, 19].map(pages => ({
      id: `beside/cut-${pages}`,
      bytes: bytes.subarray(0, pages * pageSize),
      wal,
    })),
    { id: 'beside/cut-inside', bytes: bytes.subarray(0, bytes.length - 100), wal },
    { id: 'beside/longer', bytes: Buffer.concat([bytes, Buffer.alloc(5 * pageSize + 1, 0x5a)]), wal },
  ].map(image => ({ ...image, id: `wal/${image.id}` }))
}

/** A log and a journal beside one database: SQLite rolls back first, and reads the log then. */
export function journalsBesideWals(base: WalBase, { journal }: JournalBase): MalformedImage[] {
  const inRollbackMode = Buffer.from(base.bytes)
  inRollbackMode[18] = inRollbackMode[19] = 1
  return [
    { id: 'text', bytes: base.bytes, wal: base.wal, journal: Buffer.from('no journal\n'.repeat(100)) },
    { id: 'another', bytes: base.bytes, wal: base.wal, journal },
    { id: 'header-alone', bytes: base.bytes, wal: base.wal, journal: journal.subarray(0, 512) },
    { id: 'rollback-mode', bytes: inRollbackMode, wal: base.wal, journal },
    { id: 'empty-wal', bytes: base.bytes, wal: Buffer.alloc(0), journal },
    { id: 'no-wal', bytes: base.bytes, journal },
    { id: 'no-wal-text', bytes: base.bytes, journal: Buffer.from('no journal\n'.repeat(100)) },
  ].map(image => ({ ...image, id: `journal/beside-wal/${image.id}` }))
}

/** Damaged hot journals. None names a super-journal: SQLite might delete what it names. */
export function damagedJournals(base: JournalBase): MalformedImage[] {
  const { bytes, journal, pageSize } = base
  const random = randomFrom(3)
  const sector = journal.readUInt32BE(20)
  const record = 4 + pageSize + 4
  const patched = (id: string, at: number, value: number): MalformedImage => {
    const copy = Buffer.from(journal)
    copy[at] = value
    return { id, bytes, journal: copy }
  }
  const images: MalformedImage[] = [
    { id: 'sound', bytes, journal },
    { id: 'beside/nothing', bytes: Buffer.alloc(0), journal },
    { id: 'beside/noise', bytes: Buffer.alloc(bytes.length, 0x5a), journal },
    { id: 'beside/cut', bytes: bytes.subarray(0, 3 * pageSize), journal },
    { id: 'beside/wal-mode', bytes: Buffer.from(bytes).fill(2, 18, 20), journal },
  ]
  for (let at = 0; at < JOURNAL_HEADER_BYTES; at++) {
    for (const value of new Set([0x00, 0xff, Math.floor(random() * 256)]))
      if (value !== journal[at]) images.push(patched(`header/${at}=${value.toString(16)}`, at, value))
  }
  for (let number = 1, start = sector; start + record <= journal.length; number++, start += record) {
    for (const at of [0, 3, 4, 4 + pageSize / 2, 4 + pageSize, record - 1])
      images.push(patched(`record-${number}/${at}`, start + at, (journal[start + at] ?? 0) ^ 0xff))
    for (const at of [0, 4, record - 1])
      images.push({ id: `cut/${start + at}`, bytes, journal: journal.subarray(0, start + at) })
  }
  for (const length of [1, 8, JOURNAL_HEADER_BYTES, sector - 1])
    images.push({ id: `cut/${length}`, bytes, journal: journal.subarray(0, length) })
  return images.map(image => ({ ...image, id: `journal/${image.id}` }))
}
