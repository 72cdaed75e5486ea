import type { ReadFacts } from '../sqlite/requests.ts'
import type { Image } from './image.ts'
import { changing, isSameFile, RawFile, readDatabaseHeader } from './source-files.ts'
import { readPinnedFrames, readWalHeader } from './wal.ts'
import { parseWalIndexHeader, type WalIndexHeader } from './wal-index.ts'

/** The files of a database whose content a read transaction of the SQLite process holds still; closed by `using`. */
export class PinnedFiles implements Disposable {
  /** The image as far as the main file alone goes; {@link loadImage} adds the WAL's pages. */
  readonly bare: Image
  readonly index: WalIndexHeader | null
  readonly #main: RawFile
  readonly #wal: RawFile | null

  /** Throws `DATABASE_CHANGING` when the file is no longer the one that SQLite opened. */
  constructor(database: string, facts: ReadFacts, index: WalIndexHeader | null) {
    using cleanup = new DisposableStack()
    this.index = index
    this.#main = cleanup.use(new RawFile(database))
    if (!isSameFile(this.#main.identity, facts.identity)) throw changing(database)
    // Once every frame is in the main file a reader leaves the WAL alone, and a writer may start it anew.
    const needed = index !== null && index.maxFrame > index.backfilled ? index : null
    this.#wal = needed === null ? null : cleanup.use(new RawFile(`${database}-wal`))
    const header = needed === null ? readDatabaseHeader(this.#main) : null
    const pageSize = needed?.pageSize ?? header?.pageSize ?? 0
    const inMain = pageSize === 0 ? 0 : (header?.pageCount ?? Math.floor(this.#main.size / pageSize))
    const pageCount = pageSize === 0 ? 0 : (facts.pageCount ?? (index?.pageCount || inMain))
    this.bare = { path: database, mainFd: this.#main.fd, pageSize, pageCount, wal: null }
    cleanup.move()
  }

  /** The whole image: reads and checks the WAL's frames up to the pinned one. */
  async loadImage(signal: AbortSignal): Promise<Image> {
    if (this.#wal === null || this.index === null) return this.bare
    const { fd, path } = this.#wal
    const header = readWalHeader(this.#wal)
    // A WAL that does not belong to the pinned index would mean a lost lock: start over rather than guess.
    if (header === null || !header.salts.equals(this.index.salts)) throw changing(path)
    const { table } = await readPinnedFrames(this.index.maxFrame, { fd, path, header, signal })
    return { ...this.bare, wal: { fd, table } }
  }

  /**
   * Throws `DATABASE_CHANGING` when the path no longer leads to the pinned file: what was copied by its path
   * since may be another's.
   */
  requireInPlace(): void {
    using now = new RawFile(this.#main.path)
    if (!isSameFile(now.identity, this.#main.identity)) throw changing(this.#main.path)
  }

  /** The commit counter of the main file's header: what a commit in rollback mode advances. */
  get changeCounter(): number | null {
    return readDatabaseHeader(this.#main)?.changeCounter ?? null
  }

  [Symbol.dispose](): void {
    this.#wal?.[Symbol.dispose]()
    this.#main[Symbol.dispose]()
  }
}

/** The WAL index that the read transaction started from; null in rollback mode and where it is in no file. */
export function walIndexOf(facts: ReadFacts): WalIndexHeader | null {
  return facts.walIndex === null ? null : parseWalIndexHeader(Buffer.from(facts.walIndex))
}
