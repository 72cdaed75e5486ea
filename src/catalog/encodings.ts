/**
 * How an image is stored. `plain`: as it is; `zstd`: compressed; `zstd+age`: compressed, then encrypted; `blocks`: only
 * the pages that no earlier backup has.
 */
export const ENCODINGS = ['plain', 'zstd', 'zstd+age', 'blocks'] as const

export type Encoding = (typeof ENCODINGS)[number]

/** What a stored file's name ends in, which says how it is encoded. */
export const SUFFIXES: Record<Encoding, string> = {
  plain: '.db',
  zstd: '.db.zst',
  'zstd+age': '.db.zst.age',
  blocks: '.db.blocks',
}
