/** A directory as a target: what is put there is whole and flushed, or not there. */
import { randomBytes } from 'node:crypto'
import { constants, type Dirent } from 'node:fs'
import { type FileHandle, link, lstat, open, readdir, rename, stat, statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { BackupError, throwIfCancelled } from '../../errors.ts'
import type { Spend } from '../bandwidth.ts'
import { makeDirectory, removeFile, syncDirectory } from '../durable.ts'
import { isAlreadyThere, isLoop, isNotThere, toTypedError } from '../io-errors.ts'
import { directoryOf, KEY_PARTS_MAX } from '../keys.ts'
import { isWithoutLinks } from '../put-in-place.ts'
import { contentOf } from '../source.ts'
import { lowerFirst, targetFailure, notFound, wrongSize } from '../target-failure.ts'
import type { Content, GetOptions, StoredObject, Target, TransferOptions } from '../target.ts'

export interface LocalTargetOptions {
  readonly name: string
  /** Absolute path of a directory that exists. */
  readonly root: string
  readonly spend: Spend
}

const FILE_MODE = 0o600
const DIRECTORY_MODE = 0o700
const DURABLE = { isDurable: true } as const
/** No link is followed, and nobody is waited for who would write a FIFO. */
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
/** Node's own default for streams of files. */
const READ_BYTES = 64 << 10
/** Names of half-written files: no key begins with a dot, so they are never listed. */
const TEMP = /^\.chame-[0-9a-f]{16}\.part$/
/** A half-written file that has not grown for so long has no writer any more. */
const TEMP_AGE_MS = 24 * 3_600_000

export function openLocalTarget(options: LocalTargetOptions): Target {
  return new LocalTarget(options)
}

class LocalTarget implements Target {
  readonly kind = 'local'
  readonly name: string
  readonly #root: string
  readonly #spend: Spend
  readonly #swept = new Set<string>()

  constructor({ name, root, spend }: LocalTargetOptions) {
    this.name = name
    this.#root = root
    this.#spend = spend
  }

  async put(key: string, content: Content, options: TransferOptions): Promise<void> {
    await this.#during('write', key, async () => {
      await this.#writing(key, async (temp, handle) => {
        await this.#write(key, handle, content, options)
        await rename(temp, this.#pathOf(key))
      })
    })
  }

  async putIfAbsent(key: string, bytes: Uint8Array, options: TransferOptions): Promise<boolean> {
    const content = contentOf(bytes)
    return this.#during('write', key, () =>
      this.#writing(key, async (temp, handle) => {
        await this.#write(key, handle, content, options)
        return linkUnlessTaken(temp, this.#pathOf(key))
      }),
    )
  }

  async *get(key: string, { signal, onBytes, range }: GetOptions): AsyncIterable<Uint8Array> {
    const handle = await this.#openToRead(key)
    await using _handle = {
      [Symbol.asyncDispose]: () => this.#during('close', key, () => handle.close()),
    }
    let position = range?.from ?? 0
    const end = range === undefined ? Number.POSITIVE_INFINITY : range.from + range.length
    while (position < end) {
      throwIfCancelled(signal)
      const at = position
      const length = Math.min(READ_BYTES, end - at)
      const { bytesRead, buffer } = await this.#during('read', key, () =>
        handle.read(Buffer.allocUnsafe(length), 0, length, at),
      )
      if (bytesRead === 0) break
      await this.#spend(bytesRead, signal)
      position += bytesRead
      onBytes?.(position - (range?.from ?? 0))
      yield buffer.subarray(0, bytesRead)
    }
    if (range !== undefined && position < end)
      throw wrongSize(this.name, key, { expected: end, got: position })
  }

  async head(key: string): Promise<StoredObject | null> {
    return this.#during('read', key, async () => {
      await this.#requireRoot()
      try {
        const stats = await lstat(this.#pathOf(key))
        if (!stats.isFile()) return null
        return { key, sizeBytes: stats.size, modified: stats.mtime.toISOString() }
      } catch (error) {
        if (isNotThere(error)) return null
        throw error
      }
    })
  }

  async *list(prefix: string, options: { readonly signal: AbortSignal }): AsyncIterable<StoredObject> {
    await this.#requireRoot()
    yield* this.#listIn(directoryOf(prefix), prefix, options.signal)
  }

  async delete(key: string): Promise<void> {
    await this.#during('delete', key, async () => {
      await this.#requireRoot()
      const path = this.#pathOf(key)
      await removeFile(path)
      try {
        await syncDirectory(dirname(path), DURABLE)
      } catch (error) {
        if (!(error instanceof BackupError) || !isNotThere(error.cause)) throw error
      }
    })
  }

  async freeBytes(): Promise<number> {
    return this.#during('read the free space of', '', async () => {
      await this.#requireRoot()
      const { bavail, bsize } = await statfs(this.#root)
      return bavail * bsize
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Gives `write` a new file beside `key`'s, which is gone afterwards unless it was given the name. */
  async #writing<T>(key: string, write: (temp: string, handle: FileHandle) => Promise<T>): Promise<T> {
    await this.#requireRoot()
    const directory = dirname(this.#pathOf(key))
    await makeDirectory(directory, DIRECTORY_MODE, DURABLE)
    const temp = join(directory, `.chame-${randomBytes(8).toString('hex')}.part`)
    try {
      await using handle = await open(
        temp,
        constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW,
        FILE_MODE,
      )
      await this.#sweep(directory, (await handle.stat()).mtimeMs)
      return await write(temp, handle)
    } finally {
      await removeFile(temp)
      await syncDirectory(directory, DURABLE)
    }
  }

  async #write(key: string, handle: FileHandle, content: Content, options: TransferOptions): Promise<void> {
    let done = 0
    for await (const chunk of content.open(0)) {
      throwIfCancelled(options.signal)
      await this.#spend(chunk.length, options.signal)
      // A full disk shows first as a short write without an error.
      for (let written = 0; written < chunk.length;) {
        written += (await handle.write(chunk, written, chunk.length - written)).bytesWritten
      }
      done += chunk.length
      options.onBytes?.(done)
    }
    if (content.sizeBytes !== null && done !== content.sizeBytes)
      throw wrongSize(this.name, key, { expected: content.sizeBytes, got: done })
    throwIfCancelled(options.signal)
    await handle.sync()
  }

  async #openToRead(key: string): Promise<FileHandle> {
    return this.#during('read', key, async () => {
      await this.#requireRoot()
      try {
        await using opening = new AsyncDisposableStack()
        const handle = opening.use(await open(this.#pathOf(key), READ_FLAGS))
        if ((await handle.stat()).isFile()) {
          opening.move()
          return handle
        }
      } catch (error) {
        // ELOOP: a link, which is none of ours.
        if (!isNotThere(error) && !isLoop(error)) throw error
      }
      throw notFound(this.name, key)
    })
  }

  async *#listIn(directory: string, prefix: string, signal: AbortSignal): AsyncIterable<StoredObject> {
    throwIfCancelled(signal)
    if (directory.split('/').length >= KEY_PARTS_MAX) return
    for (const entry of await this.#entriesOf(directory)) {
      const key = directory === '' ? entry.name : `${directory}/${entry.name}`
      if (entry.name.startsWith('.')) continue
      if (entry.isDirectory()) {
        if (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`))
          yield* this.#listIn(key, prefix, signal)
      } else if (entry.isFile() && key.startsWith(prefix)) {
        const object = await this.head(key)
        if (object !== null) yield object
      }
    }
  }

  async #entriesOf(directory: string): Promise<Dirent[]> {
    return this.#during('list', directory, async () => {
      try {
        return await readdir(join(this.#root, directory), { withFileTypes: true })
      } catch (error) {
        if (isNotThere(error)) return []
        throw error
      }
    })
  }

  /** Removes what writers that were killed left behind, once a directory. Ages are taken from the file system's own clock. */
  async #sweep(directory: string, nowMs: number): Promise<void> {
    if (this.#swept.has(directory)) return
    this.#swept.add(directory)
    for (const name of await readdir(directory)) {
      if (!TEMP.test(name)) continue
      const path = join(directory, name)
      const stats = await stat(path).catch(() => null)
      if (stats !== null && nowMs - stats.mtimeMs > TEMP_AGE_MS) await removeFile(path)
    }
  }

  /** An unmounted disk must not be taken for an empty one, nor be written beside. */
  async #requireRoot(): Promise<void> {
    const isDirectory = await stat(this.#root).then(
      stats => stats.isDirectory(),
      (error: unknown) => {
        if (isNotThere(error)) return false
        throw this.#failure(error, 'reach', '')
      },
    )
    if (isDirectory) return
    throw targetFailure(this.name, 'TARGET_UNREACHABLE', `there is no directory ${this.#root}`, {
      hint: 'Mount the disk that it is on, or make the directory once if it is to be used from now on.',
    })
  }

  #pathOf(key: string): string {
    return join(this.#root, key)
  }

  async #during<T>(doing: string, key: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work()
    } catch (error) {
      throw this.#failure(error, doing, key)
    }
  }

  #failure(error: unknown, doing: string, key: string): unknown {
    const typed = toTypedError(error, doing, this.#pathOf(key))
    if (!(typed instanceof BackupError)) return typed
    const code = CODES[typed.code]
    if (code === undefined) return typed
    return targetFailure(this.name, code, lowerFirst(typed.message), { hint: typed.hint, cause: error })
  }
}

/** What a failing file system means of a target. */
const CODES: Partial<Record<string, 'TARGET_FULL' | 'TARGET_REFUSED' | 'TARGET_UNREACHABLE'>> = {
  INSUFFICIENT_SPACE: 'TARGET_FULL',
  PERMISSION_DENIED: 'TARGET_REFUSED',
  READ_ONLY: 'TARGET_REFUSED',
  IO_FAILED: 'TARGET_UNREACHABLE',
}

/** Gives a finished file its name in one step; false when the name is taken. */
async function linkUnlessTaken(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    if (isAlreadyThere(error)) return false
    if (!isWithoutLinks(error)) throw error
  }
  // An exclusive open claims the name; who finds it empty finds a name that is taken.
  try {
    await using _claim = await open(to, 'wx', FILE_MODE)
  } catch (error) {
    if (isAlreadyThere(error)) return false
    throw error
  }
  await rename(from, to)
  return true
}
