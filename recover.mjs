#!/usr/bin/env node
/**
 * Restores a database from a restore point of chame-backup (`….db.blocks`) and its packs, without chame-backup: with
 * this file and Node (22.15 or newer, for zstd) alone.
 *
 *   node recover.mjs <restore point> <packs> <output> [<key file>]
 *   node recover.mjs backups/daily/chame_backup_daily_20250627_020000.db.blocks backups/blocks recovered.db
 *
 * A key file is needed where packs are encrypted: it holds identities (AGE-SECRET-KEY-1…) or, alone, a passphrase.
 *
 * The formats are in docs/formats.md. All numbers are little-endian. In short: a restore point lists runs, "the next n
 * pages of the database are in pack p from slot s on". A pack is zstd frames of a few pages each, and at its end what
 * is in it. In an encrypted pack each frame is sealed with a key, which stands at the pack's beginning as an age file
 * (age-encryption.org/v1). Every checksum is checked; a database that does not match its SHA-256 is not given its name.
 */
import {
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  scryptSync,
} from 'node:crypto'
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

const [restorePointPath, packsPath, outputPath, keyPath] = process.argv.slice(2)
if (outputPath === undefined) fail('Usage: node recover.mjs <restore point> <packs> <output> [<key file>]', 2)
// SQLite would take what lies beside the database for its newest content.
for (const suffix of ['', '-wal', '-journal'])
  if (existsSync(outputPath + suffix)) fail(`There is something already: ${outputPath}${suffix}`, 2)

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
  const magic = bytes.toString('latin1', 0, 8)
  if (magic !== 'CHBLKRP1' && magic !== 'CHBLKRP2') fail(`No restore point of this format: ${path}`)
  const end = bytes.length - 32
  if (!sha256(bytes.subarray(0, end)).equals(bytes.subarray(end))) fail(`Damaged restore point: ${path}`)
  const packCount = bytes.readUInt32LE(48)
  const body = zstdDecompressSync(bytes.subarray(72, end))
  const packs = []
  for (let i = 0; i < packCount; i++) packs.push(body.toString('hex', i * 32, (i + 1) * 32))
  return {
    isEncrypted: magic === 'CHBLKRP2',
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

/** Opens a pack, checks what stands at its end, and gets its key if it is encrypted. */
function openPack(id, isEncrypted) {
  const path = join(packsPath, id.slice(0, 2), `${id}.pack`)
  if (!existsSync(path)) fail(`A pack is missing: ${path}`)
  const fd = openSync(path, 'r')
  const size = statSync(path).size
  const trailer = readAt(fd, 56, size - 56)
  const version = isEncrypted ? 2 : 1
  if (trailer.toString('latin1', 48) !== `CHBLKPE${version}`) fail(`No pack of this format: ${path}`)
  const [pageSize, pageCount, groupPages, keyBytes] = [0, 4, 8, 12].map(offset =>
    trailer.readUInt32LE(offset),
  )
  const groupCount = Math.ceil(pageCount / groupPages)
  const hashBytes = pageCount * 20
  const bitsAt = hashBytes + (isEncrypted ? 48 : 0)
  const groupsAt = bitsAt + Math.ceil(pageCount / 8)
  const indexBytes = groupsAt + groupCount * 8
  const index = readAt(fd, indexBytes, size - 56 - indexBytes)
  if (!sha256(index, trailer.subarray(0, 16)).equals(trailer.subarray(16, 48))) fail(`Damaged pack: ${path}`)
  const named = sha256(`chame-backup pack ${version}\n`, trailer.subarray(0, 4), index.subarray(0, bitsAt))
  if (named.toString('hex') !== id) fail(`The pack is another than its name says: ${path}`)
  const hashes = index.subarray(0, hashBytes)
  const bits = index.subarray(bitsAt, groupsAt)
  const keyPart = isEncrypted ? readAt(fd, keyBytes, 8) : null
  if (keyPart !== null && !sha256(keyPart).equals(index.subarray(hashBytes, hashBytes + 32)))
    fail(`Damaged pack, its key: ${path}`)
  const keys = keyPart === null ? null : packKeys(keyPart, path)
  const groups = []
  for (let i = 0, position = 8 + (keyPart?.length ?? 0); i < groupCount; i++) {
    const entry = groupsAt + i * 8
    const length = index.readUInt32LE(entry)
    groups.push({ position, length, crc: index.readUInt32LE(entry + 4) })
    position += length
  }
  return { path, fd, pageSize, pageCount, groupPages, hashes, bits, keys, groups, last: null }
}

/** The pages of a group by slot, each checked against its hash. Those that were dropped are not there. */
function readGroup(pack, number) {
  if (pack.last?.number === number) return pack.last.pages
  const { position, length, crc } = pack.groups[number] ?? fail(`A group is missing: ${pack.path}`)
  const raw = readAt(pack.fd, length, position)
  if (crc32(raw) !== crc) fail(`Damaged pack, group ${number}: ${pack.path}`)
  const frame = length > 0 && pack.keys !== null ? openGroup(pack, number, raw) : raw
  const bytes = length === 0 ? Buffer.alloc(0) : zstdDecompressSync(frame)
  const pages = new Map()
  const first = number * pack.groupPages
  for (let slot = first, at = 0; slot < Math.min(pack.pageCount, first + pack.groupPages); slot++) {
    if ((pack.bits[slot >> 3] & (1 << (slot & 7))) === 0) continue
    const page = bytes.subarray(at, (at += pack.pageSize))
    const name = pack.keys === null ? sha256(page) : hmac(pack.keys.naming, page)
    if (!name.subarray(0, 20).equals(pack.hashes.subarray(slot * 20, slot * 20 + 20)))
      fail(`Damaged pack, page ${slot}: ${pack.path}`)
    pages.set(slot, page)
  }
  pack.last = { number, pages }
  return pages
}

function hmac(key, bytes) {
  return createHmac('sha256', key).update(bytes).digest()
}

function hkdf(key, salt, label) {
  return Buffer.from(hkdfSync('sha256', key, salt, label, 32))
}

/** What ChaCha20-Poly1305 has sealed, its tag at the end; null if that was with another key, or is damaged. */
function unseal(key, nonce, sealed, extra = Buffer.alloc(0)) {
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: 16 })
  decipher.setAAD(extra, { plaintextLength: sealed.length - 16 })
  decipher.setAuthTag(sealed.subarray(-16))
  const bytes = decipher.update(sealed.subarray(0, -16))
  try {
    decipher.final()
    return bytes
  } catch {
    return null
  }
}

/** A group: nonce, frame, tag. Its number is sealed with it. */
function openGroup(pack, number, sealed) {
  const extra = Buffer.alloc(4)
  extra.writeUInt32LE(number)
  const frame = unseal(pack.keys.groups, sealed.subarray(0, 12), sealed.subarray(12), extra)
  return frame ?? fail(`Damaged pack, group ${number}: ${pack.path}`)
}

/** The keys of a pack, from what stands at its beginning: 32 bytes of salt, and an age file of two keys. */
function packKeys(keyPart, path) {
  const secret = openAge(keyPart.subarray(32)) ?? fail(`No key fits the pack: ${path}`)
  const groups = hkdf(secret.subarray(0, 32), keyPart.subarray(0, 32), 'chame-backup pack 2')
  return { groups, naming: secret.subarray(32) }
}

/** The content of a short age file (one chunk). Many packs may have the same. */
function openAge(file) {
  const name = file.toString('latin1')
  if (ageFiles.has(name)) return ageFiles.get(name)
  const end = name.indexOf('\n', name.indexOf('\n---') + 1) + 1
  const lines = name.slice(0, end).split('\n')
  const nonce = file.subarray(end, end + 16)
  let content = null
  for (let i = 1; i + 1 < lines.length && content === null; i++) {
    const [arrow, ...stanza] = lines[i].split(' ')
    const fileKey = arrow === '->' ? openStanza(stanza, Buffer.from(lines[i + 1], 'base64')) : null
    const key = fileKey === null ? null : hkdf(fileKey, nonce, 'payload')
    // The only chunk is the last: a counter of eleven bytes, 0, and a byte that says so.
    if (key !== null)
      content = unseal(key, Buffer.from('000000000000000000000001', 'hex'), file.subarray(end + 16))
  }
  ageFiles.set(name, content)
  return content
}

/** The file key in one stanza of an age header, if a key of ours opens it. */
function openStanza([type, ...args], body) {
  const zero = Buffer.alloc(12)
  const { identities, passphrase } = readKeyFile()
  if (type === 'scrypt' && passphrase !== '') {
    const salt = Buffer.concat([Buffer.from('age-encryption.org/v1/scrypt'), Buffer.from(args[0], 'base64')])
    const N = 2 ** Number(args[1])
    return unseal(scryptSync(passphrase, salt, 32, { N, r: 8, p: 1, maxmem: 256 * N * 8 }), zero, body)
  }
  if (type !== 'X25519') return null
  const share = Buffer.from(args[0], 'base64')
  for (const identity of identities) {
    const privateKey = createPrivateKey({
      key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), identity]),
      format: 'der',
      type: 'pkcs8',
    })
    const head = Buffer.from('302a300506032b656e032100', 'hex')
    const x25519 = key => createPublicKey({ key: Buffer.concat([head, key]), format: 'der', type: 'spki' })
    const shared = diffieHellman({ privateKey, publicKey: x25519(share) })
    const recipient = createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(-32)
    const wrap = hkdf(shared, Buffer.concat([share, recipient]), 'age-encryption.org/v1/X25519')
    const fileKey = unseal(wrap, zero, body)
    if (fileKey !== null) return fileKey
  }
  return null
}

/** Identities are Bech32: five bits a letter, behind the last 1, and a checksum of six letters. */
function readKeyFile() {
  if (keyPath === undefined) fail('The backup is encrypted: give a key file as well', 2)
  const text = readFileSync(keyPath, 'utf8')
  const letters = 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L'
  const identities = [...text.matchAll(/^AGE-SECRET-KEY-1([A-Z0-9]{58})\s*$/gm)].map(([, data]) => {
    const fives = Array.from(data.slice(0, 52), letter =>
      letters.indexOf(letter).toString(2).padStart(5, '0'),
    )
    const bits = fives.join('')
    return Buffer.from(Array.from({ length: 32 }, (_, i) => Number.parseInt(bits.slice(i * 8, i * 8 + 8), 2)))
  })
  return { identities, passphrase: identities.length > 0 ? '' : text.replace(/\r?\n$/, '') }
}

const ageFiles = new Map()
const point = readRestorePoint(restorePointPath)
const partPath = `${outputPath}.part`
const output = openSync(partPath, 'w+', 0o600)
process.on('exit', code => code !== 0 && rmSync(partPath, { force: true }))

// Pack by pack, so that one file is open at a time and each group is read once or little more often.
for (const [number, id] of point.packs.entries()) {
  const runs = point.runs.filter(run => run.pack === number).sort((a, b) => a.slot - b.slot)
  if (runs.length === 0) continue
  const pack = openPack(id, point.isEncrypted)
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
