/** Compression of exported files, as the programs `zstd` and `gzip` read it. */
import type { Transform } from 'node:stream'
import { constants, createGzip, createZstdCompress } from 'node:zlib'

const COMPRESSIONS = ['zstd', 'gzip'] as const
export type Compression = (typeof COMPRESSIONS)[number]

/** The defaults of the programs of that name. */
const LEVELS: Record<Compression, number> = { zstd: 3, gzip: 6 }
const SUFFIXES: Record<Compression, string> = { zstd: '.zst', gzip: '.gz' }

export interface CompressOptions {
  /** zstd 1 to 19, gzip 1 to 9; default 3 and 6. */
  readonly level?: number
}

/** What compresses what goes through it, with a checksum of the content; null when nothing does. */
export function compressor(compression: Compression | null, options: CompressOptions = {}): Transform | null {
  if (compression === null) return null
  const level = options.level ?? LEVELS[compression]
  if (compression === 'gzip') return createGzip({ level })
  const { ZSTD_c_compressionLevel: levelKey, ZSTD_c_checksumFlag: checksumKey } = constants
  return createZstdCompress({ params: { [levelKey]: level, [checksumKey]: 1 } })
}

/** What a compressed file's name ends in; nothing for one that is not. */
export function compressionSuffix(compression: Compression | null): string {
  return compression === null ? '' : SUFFIXES[compression]
}
