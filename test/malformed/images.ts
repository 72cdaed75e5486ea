/**
 * Malformed databases as others found them: the images of SQLite's own fuzz corpus. `corpus.bin.br` holds
 * small ones, one for each way in which they turn out; the whole set is in SQLite's source package.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { brotliCompressSync, brotliDecompressSync, constants } from 'node:zlib'

/** One database file, possibly with what lies beside it. */
export interface MalformedImage {
  /** Unique, and the same in every run: `fuzzdata3/17`, `header/28=ff`. */
  readonly id: string
  readonly bytes: Buffer
  readonly wal?: Buffer | undefined
  readonly journal?: Buffer | undefined
}

/** The files of SQLite's source package whose table `db` holds images. */
export const CORPUS_FILES: readonly string[] = ['fuzzdata3', 'fuzzdata7']
/** How many images they hold together, in every release of SQLite since 3.31. */
export const CORPUS_IMAGES = 10_461

const FIXTURE = join(import.meta.dirname, 'corpus.bin.br')

/** The images that are kept in the repository. */
export function keptImages(): MalformedImage[] {
  const all = brotliDecompressSync(readFileSync(FIXTURE))
  const indexBytes = all.readUInt32BE(0)
  const index = JSON.parse(all.toString('utf8', 4, 4 + indexBytes)) as [id: string, bytes: number][]
  let at = 4 + indexBytes
  return index.map(([id, bytes]) => ({ id, bytes: Buffer.from(all.subarray(at, (at += bytes))) }))
}

/** Writes the fixture anew. A JSON index of names and lengths, its own length before it, then the images. */
export function keepImages(images: readonly MalformedImage[]): void {
  const index = Buffer.from(JSON.stringify(images.map(({ id, bytes }) => [id, bytes.length])))
  const length = Buffer.alloc(4)
  length.writeUInt32BE(index.length)
  const all = Buffer.concat([length, index, ...images.map(({ bytes }) => bytes)])
  const params = {
    [constants.BROTLI_PARAM_QUALITY]: 11,
    [constants.BROTLI_PARAM_LGWIN]: 24,
    [constants.BROTLI_PARAM_SIZE_HINT]: all.length,
  }
  writeFileSync(FIXTURE, brotliCompressSync(all, { params }))
}

/** Every image of the corpus, in order. `directory` holds the corpus's files. */
export function corpusImages(directory: string): MalformedImage[] {
  return CORPUS_FILES.flatMap(name => {
    const connection = new DatabaseSync(join(directory, `${name}.db`), { readOnly: true })
    const rows = connection.prepare('SELECT dbid, dbcontent FROM db ORDER BY dbid').all()
    connection.close()
    return rows.map(({ dbid, dbcontent }) => ({
      id: `${name}/${String(dbid)}`,
      bytes: Buffer.from(dbcontent as Uint8Array),
    }))
  })
}
