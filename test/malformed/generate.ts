/** Malformed databases made from sound ones: every structure of the file format damaged in every way that it can be. */
import { randomFrom } from '../faults/extent.ts'
import type { Base } from './bases.ts'
import type { MalformedImage } from './images.ts'

const HEADER_BYTES = 100
/** Where the header notes the first page of the list of free pages, and their number. */
const FREELIST_OFFSET = 32
const FREE_COUNT_OFFSET = 36
/** What fills the long value of the ordinary bases, so that its overflow pages can be told. */
const FILLER = Buffer.alloc(16, 'v')
const PAGE_TYPES = [0x02, 0x05, 0x0a, 0x0d]

/** Everything that is done to a base. Their ids and bytes follow from the base alone. */
export function damaged(base: Base): MalformedImage[] {
  const random = randomFrom(1)
  return [
    ...headerBytes(base, random),
    ...sizes(base),
    ...pageTypes(base),
    ...pageHeaders(base, random),
    ...cellPointers(base, random),
    ...overflowChains(base),
    ...freelists(base),
    ...children(base),
  ].map(image => ({ ...image, id: `${base.id}/${image.id}` }))
}

/** `count` copies, each with some bytes replaced at random places. */
export function randomlyDamaged(base: Base, count: number, seed: number): MalformedImage[] {
  const random = randomFrom(seed)
  const below = (limit: number): number => Math.floor(random() * limit)
  return Array.from({ length: count }, (_, i) => {
    const bytes = Buffer.from(base.bytes)
    for (let hits = 1 + below(4); hits > 0; hits--) bytes[below(bytes.length)] = below(256)
    return { id: `${base.id}/random/${seed}-${i}`, bytes }
  })
}

/** A copy with other bytes at `at`. */
function withBytes({ bytes }: Base, id: string, at: number, patch: readonly number[]): MalformedImage {
  const copy = Buffer.from(bytes)
  patch.forEach((byte, i) => (copy[at + i] = byte))
  return { id, bytes: copy }
}

function withNumber({ bytes }: Base, id: string, at: number, value: number): MalformedImage {
  const copy = Buffer.from(bytes)
  copy.writeUInt32BE(value >>> 0, at)
  return { id, bytes: copy }
}

function headerBytes(base: Base, random: () => number): MalformedImage[] {
  return Array.from({ length: HEADER_BYTES }, (_, at) => {
    const values = new Set([0x00, 0x01, 0x02, 0xff, Math.floor(random() * 256)])
    values.delete(base.bytes[at] ?? 0)
    return [...values].map(value => withBytes(base, `header/${at}=${value.toString(16)}`, at, [value]))
  }).flat()
}

function sizes(base: Base): MalformedImage[] {
  const { bytes, pageSize } = base
  const images = [0, 1, 15, 16, 99, 100, 101, pageSize - 1, bytes.length - pageSize - 1].map(length => ({
    id: `cut/${length}`,
    bytes: bytes.subarray(0, length),
  }))
  for (let length = pageSize; length < bytes.length; length += pageSize)
    images.push({ id: `cut/${length}`, bytes: bytes.subarray(0, length) })
  for (const more of [1, pageSize - 1, pageSize, 3 * pageSize])
    images.push({ id: `longer/${more}`, bytes: Buffer.concat([bytes, Buffer.alloc(more, 0x5a)]) })
  // The header's page count is not believed when the counters beside it differ: then the file's size counts.
  for (const image of [...images].filter(({ bytes: { length } }) => length >= HEADER_BYTES)) {
    const untrusted = Buffer.from(image.bytes)
    untrusted.writeUInt32BE(0x7fffffff, 92)
    images.push({ id: `${image.id}-untrusted`, bytes: untrusted })
  }
  for (const stored of [0, 1, 2, 256, 511, 512, 513, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_535]) {
    if (stored !== pageSize)
      images.push(
        withBytes(base, `page-size/${stored}`, 16, [stored >> 8, stored & 0xff]) as (typeof images)[0],
      )
  }
  for (const count of [0, 1, 2, 0x7fffffff, 0xfffffffe, 0xffffffff])
    images.push(withNumber(base, `page-count/${count}`, 28, count) as (typeof images)[0])
  return images
}

interface Page {
  readonly number: number
  /** Where its b-tree header starts in the file. */
  readonly at: number
  readonly isInterior: boolean
  readonly cells: number
}

/** The b-tree pages, told by their looks. */
function treePages({ bytes, pageSize }: Base): Page[] {
  return Array.from({ length: bytes.length / pageSize }, (_, i): Page => {
    const at = i * pageSize + (i === 0 ? HEADER_BYTES : 0)
    return {
      number: i + 1,
      at,
      isInterior: [0x02, 0x05].includes(bytes[at] ?? 0),
      cells: bytes.readUInt16BE(at + 3),
    }
  }).filter(({ at, cells }) => PAGE_TYPES.includes(bytes[at] ?? 0) && cells > 0 && cells < pageSize / 4)
}

function pageTypes(base: Base): MalformedImage[] {
  const all = Array.from({ length: base.bytes.length / base.pageSize }, (_, i) => i)
  return all.flatMap(i => {
    const at = i * base.pageSize + (i === 0 ? HEADER_BYTES : 0)
    const types = [...PAGE_TYPES, 0x00, 0x01, 0xff].filter(type => type !== base.bytes[at])
    return types.map(type => withBytes(base, `type/${i + 1}=${type.toString(16)}`, at, [type]))
  })
}

/** First free block, number of cells, start of the cells' content, fragmented bytes. */
function pageHeaders(base: Base, random: () => number): MalformedImage[] {
  return treePages(base).flatMap(({ number, at }) =>
    [1, 3, 5].flatMap(field =>
      [0, 1, 0xffff, Math.floor(random() * 0x10000)].map(value =>
        withBytes(base, `tree/${number}+${field}=${value}`, at + field, [value >> 8, value & 0xff]),
      ),
    ),
  )
}

function cellPointers(base: Base, random: () => number): MalformedImage[] {
  return treePages(base).flatMap(({ number, at, isInterior, cells }) => {
    const first = at + (isInterior ? 12 : 8)
    return [...new Set([0, cells - 1])].flatMap(cell =>
      [0, 0xffff, base.pageSize - 1, Math.floor(random() * base.pageSize)].map(value =>
        withBytes(base, `cell/${number}.${cell}=${value}`, first + 2 * cell, [value >> 8, value & 0xff]),
      ),
    )
  })
}

/** Each overflow page leads to itself, to the chain's start, to a b-tree page, beyond the end, and nowhere. */
function overflowChains(base: Base): MalformedImage[] {
  const { bytes, pageSize } = base
  const pages = Array.from({ length: bytes.length / pageSize }, (_, i) => i + 1).filter(page =>
    bytes
      .subarray((page - 1) * pageSize + 4)
      .subarray(0, FILLER.length)
      .equals(FILLER),
  )
  return pages.flatMap(page =>
    pointers(base, page, pages[0] ?? page).map(to =>
      withNumber(base, `overflow/${page}>${to}`, (page - 1) * pageSize, to),
    ),
  )
}

function freelists(base: Base): MalformedImage[] {
  const { bytes, pageSize } = base
  const first = bytes.readUInt32BE(FREELIST_OFFSET)
  const images = pointers(base, 1, first).map(to => withNumber(base, `free/head>${to}`, FREELIST_OFFSET, to))
  for (const count of [0, 1, 0x7fffffff, 0xffffffff])
    images.push(withNumber(base, `free/count=${count}`, FREE_COUNT_OFFSET, count))
  for (
    let trunk = first, seen = 0;
    trunk > 0 && seen < 4;
    trunk = bytes.readUInt32BE((trunk - 1) * pageSize), seen++
  ) {
    const at = (trunk - 1) * pageSize
    for (const to of pointers(base, trunk, first)) {
      images.push(
        withNumber(base, `free/${trunk}>${to}`, at, to),
        withNumber(base, `free/${trunk}.leaf>${to}`, at + 8, to),
      )
    }
    for (const count of [0, 1, 126, 127, 0xffffffff])
      images.push(withNumber(base, `free/${trunk}.leaves=${count}`, at + 4, count))
  }
  return images
}

/** The right-most child and the first one of interior pages lead back up, across, and out of the file. */
function children(base: Base): MalformedImage[] {
  return treePages(base)
    .filter(({ isInterior }) => isInterior)
    .flatMap(({ number, at }) => {
      const cell = (number - 1) * base.pageSize + base.bytes.readUInt16BE(at + 12)
      return pointers(base, number, 2).flatMap(to => [
        withNumber(base, `child/${number}.right>${to}`, at + 8, to),
        withNumber(base, `child/${number}.first>${to}`, cell, to),
      ])
    })
}

function pointers({ bytes, pageSize }: Base, self: number, start: number): number[] {
  const end = bytes.length / pageSize
  return [...new Set([0, 1, 2, self, start, end, end + 1, 0x7fffffff, 0xffffffff])]
}
