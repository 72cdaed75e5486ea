#!/usr/bin/env node
/**
 * Restores a database from a restore point of chame-backup (`….db.blocks`) and its packs, without chame-backup: with
 * this file and Node (22.15 or newer, for zstd) alone.
 *
 *   node recover.mjs <restore point> <packs> <output>
 *   node recover.mjs backups/daily/chame_backup_daily_20250627_020000.db.blocks backups/blocks recovered.db
 *
 * The formats are in docs/formats.md. All numbers are little-endian. In short: a restore point lists runs, "the next n
 * pages of the database are in pack p from slot s on". A pack is zstd frames of a few pages each, and at its end what
 * is in it. Every checksum is checked; a database that does not match its SHA-256 is not given its name.
 */
import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32, zstdDecompressSync } from 'node:zlib'

const [restorePointPath, packsPath, outputPath] = process.argv.slice(2)
if (outputPath === undefined) fail('Usage: node recover.mjs <restore point> <packs> <output>', 2)
if (existsSync(outputPath)) fail(`There is something already: ${outputPath}`, 2)

function fail(message, exitCode = 1) {
  console.error(message)
  process.exit(exitCode)
}

function sha256(...parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** The restore point: figures, the packs' ids, and the runs. */
function readRestorePoint(path) {
  const bytes = readFileSync(path)
  if (bytes.toString('latin1', 0, 8) !== 'CHBLKRP1') fail(`No restore point of this format: ${path}`)
  const end = bytes.length - 32
  if (!sha256(bytes.subarray(0, end)).equals(bytes.subarray(end))) fail(`Damaged restore point: ${path}`)
  const packCount = bytes.readUInt32LE(48)
  const body = zstdDecompressSync(bytes.subarray(72, end))
  const packs = []
  for (let i = 0; i < packCount; i++) packs.push(body.toString('hex', i * 32, (i + 1) * 32))
  return {
    pageSize: bytes.readUInt32LE(8),
    pageCount: bytes.readUInt32LE(12),
    imageChecksum: bytes.toString('hex', 16, 48),
    packs,
    runs: readRuns(body.subarray(packCount * 32), packs),
  }
}

/** Each run is three numbers: pack, slot (as the distance from where the last run of that pack ended), pages. */
function readRuns(bytes, packs) {
  let at = 0
  const number = () => {
    let value = 0
    for (let factor = 1; ; factor *= 128) {
      const byte = bytes[at++]
      value += (byte & 127) * factor
      if (byte < 128) return value
    }
  }
  const expected = packs.map(() => 0)
  const runs = []
  let page = 0
  while (at < bytes.length) {
    const pack = number()
    const distance = number()
    const slot = expected[pack] + (distance % 2 === 1 ? -(distance + 1) / 2 : distance / 2)
    const pages = number()
    runs.push({ pack, slot, pages, page })
    expected[pack] = slot + pages
    page += pages
  }
  return runs
}

function readAt(fd, length, position) {
  const bytes = Buffer.alloc(length)
  for (let got = 0; got < length;) {
    const count = readSync(fd, bytes, got, length - got, position + got)
    if (count === 0) fail('A file is cut short')
    got += count
  }
  return bytes
}

/** Opens a pack and checks what stands at its end. */
function openPack(id) {
  const path = join(packsPath, id.slice(0, 2), `${id}.pack`)
  if (!existsSync(path)) fail(`A pack is missing: ${path}`)
  const fd = openSync(path, 'r')
  const size = statSync(path).size
  const trailer = readAt(fd, 56, size - 56)
  if (trailer.toString('latin1', 48) !== 'CHBLKPE1') fail(`No pack of this format: ${path}`)
  const [pageSize, pageCount, groupPages] = [0, 4, 8].map(offset => trailer.readUInt32LE(offset))
  const groupCount = Math.ceil(pageCount / groupPages)
  const hashBytes = pageCount * 20
  const bitBytes = Math.ceil(pageCount / 8)
  const indexBytes = hashBytes + bitBytes + groupCount * 8
  const index = readAt(fd, indexBytes, size - 56 - indexBytes)
  if (!sha256(index, trailer.subarray(0, 16)).equals(trailer.subarray(16, 48))) fail(`Damaged pack: ${path}`)
  const hashes = index.subarray(0, hashBytes)
  if (sha256('chame-backup pack 1\n', trailer.subarray(0, 4), hashes).toString('hex') !== id)
    fail(`The pack is another than its name says: ${path}`)
  const bits = index.subarray(hashBytes, hashBytes + bitBytes)
  const groups = []
  for (let i = 0, position = 8; i < groupCount; i++) {
    const entry = hashBytes + bitBytes + i * 8
    const length = index.readUInt32LE(entry)
    groups.push({ position, length, crc: index.readUInt32LE(entry + 4) })
    position += length
  }
  return { path, fd, pageSize, pageCount, groupPages, hashes, bits, groups, last: null }
}

/** The pages of a group by slot, each checked against its hash. Those that were dropped are not there. */
function readGroup(pack, number) {
  if (pack.last?.number === number) return pack.last.pages
  const { position, length, crc } = pack.groups[number] ?? fail(`A group is missing: ${pack.path}`)
  const raw = readAt(pack.fd, length, position)
  if (crc32(raw) !== crc) fail(`Damaged pack, group ${number}: ${pack.path}`)
  const bytes = length === 0 ? Buffer.alloc(0) : zstdDecompressSync(raw)
  const pages = new Map()
  const first = number * pack.groupPages
  for (let slot = first, at = 0; slot < Math.min(pack.pageCount, first + pack.groupPages); slot++) {
    if ((pack.bits[slot >> 3] & (1 << (slot & 7))) === 0) continue
    const page = bytes.subarray(at, (at += pack.pageSize))
    if (
      !sha256(page)
        .subarray(0, 20)
        .equals(pack.hashes.subarray(slot * 20, slot * 20 + 20))
    )
      fail(`Damaged pack, page ${slot}: ${pack.path}`)
    pages.set(slot, page)
  }
  pack.last = { number, pages }
  return pages
}

const point = readRestorePoint(restorePointPath)
const partPath = `${outputPath}.part`
const output = openSync(partPath, 'w+', 0o600)
process.on('exit', code => code !== 0 && rmSync(partPath, { force: true }))

// Pack by pack, so that one file is open at a time and each group is read once or little more often.
for (const [number, id] of point.packs.entries()) {
  const runs = point.runs.filter(run => run.pack === number).sort((a, b) => a.slot - b.slot)
  if (runs.length === 0) continue
  const pack = openPack(id)
  for (const { slot, pages, page } of runs) {
    for (let i = 0; i < pages; i++) {
      const bytes = readGroup(pack, Math.floor((slot + i) / pack.groupPages)).get(slot + i)
      if (bytes?.length !== point.pageSize) fail(`Page ${slot + i} is not in the pack: ${pack.path}`)
      if (writeSync(output, bytes, 0, bytes.length, (page + i) * point.pageSize) !== bytes.length)
        fail(`The disk is full: ${partPath}`)
    }
  }
  closeSync(pack.fd)
}

const size = point.pageSize * point.pageCount
const whole = createHash('sha256')
for (let at = 0; at < size; at += 1 << 20) whole.update(readAt(output, Math.min(1 << 20, size - at), at))
if (whole.digest('hex') !== point.imageChecksum) fail('The database does not match its SHA-256')
fsyncSync(output)
closeSync(output)
renameSync(partPath, outputPath)
console.log(`${outputPath}: ${size} bytes, SHA-256 ${point.imageChecksum}`)
