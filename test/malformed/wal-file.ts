/**
 * Taking write-ahead logs apart and putting them together, checksums included, so that a hostile one can be
 * made as well as a damaged one. Written from sqlite.org/fileformat2.html, section 4, and from nothing of the
 * product's.
 */
export const WAL_HEADER_BYTES = 32
export const FRAME_HEADER_BYTES = 24

const MAGIC_LITTLE = 0x377f0682
const MAGIC_BIG = 0x377f0683
const SALTS: readonly [number, number] = [0x01020304, 0xa1b2c3d4]

export interface Frame {
  readonly page: number
  /** Pages of the database after this commit; 0 for a frame that ends none. */
  readonly commit: number
  readonly content: Buffer
}

export interface WalForm {
  readonly pageSize: number
  readonly salts?: readonly [number, number]
  readonly isBigEndian?: boolean
  readonly version?: number
}

export function framesOf(wal: Buffer): Frame[] {
  const pageSize = wal.readUInt32BE(8)
  const frames: Frame[] = []
  const step = FRAME_HEADER_BYTES + pageSize
  for (let at = WAL_HEADER_BYTES; at + step <= wal.length; at += step) {
    const content = Buffer.from(wal.subarray(at + FRAME_HEADER_BYTES, at + step))
    frames.push({ page: wal.readUInt32BE(at), commit: wal.readUInt32BE(at + 4), content })
  }
  return frames
}

/** A WAL of these frames with every checksum right, whatever else is wrong with it. */
export function walOf(
  frames: readonly Frame[],
  { pageSize, salts = SALTS, isBigEndian = false, version = 3_007_000 }: WalForm,
): Buffer {
  const header = Buffer.alloc(WAL_HEADER_BYTES)
  const words = [isBigEndian ? MAGIC_BIG : MAGIC_LITTLE, version, pageSize, 0, ...salts]
  words.forEach((word, i) => header.writeUInt32BE(word, i * 4))
  let sum = sumOf(header.subarray(0, 24), [0, 0], isBigEndian)
  header.writeUInt32BE(sum[0], 24)
  header.writeUInt32BE(sum[1], 28)
  const parts = frames.map(({ page, commit, content }) => {
    const head = Buffer.alloc(FRAME_HEADER_BYTES)
    head.writeUInt32BE(page, 0)
    head.writeUInt32BE(commit, 4)
    head.writeUInt32BE(salts[0], 8)
    head.writeUInt32BE(salts[1], 12)
    sum = sumOf(content, sumOf(head.subarray(0, 8), sum, isBigEndian), isBigEndian)
    head.writeUInt32BE(sum[0], 16)
    head.writeUInt32BE(sum[1], 20)
    return [head, content]
  })
  return Buffer.concat([header, ...parts.flat()])
}

/** The same WAL with salts that are the same in every run; SQLite draws them at random. */
export function withFixedSalts(wal: Buffer): Buffer {
  return walOf(framesOf(wal), { pageSize: wal.readUInt32BE(8) })
}

function sumOf(bytes: Buffer, start: readonly [number, number], isBigEndian: boolean): [number, number] {
  let [first, second] = start
  for (let at = 0; at + 8 <= bytes.length; at += 8) {
    const [one, two] = isBigEndian
      ? [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)]
      : [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)]
    first = (first + one + second) >>> 0
    second = (second + two + first) >>> 0
  }
  return [first, second]
}
