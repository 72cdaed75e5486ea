/** A directory of an SSH server as a target. */
import type { FileEntryWithStats } from 'ssh2'
import { BackupError, throwIfCancelled } from '../../../errors.ts'
import type { Spend } from '../../bandwidth.ts'
import { directoryOf, KEY_PARTS_MAX } from '../../keys.ts'
import { Retries, type RetryPorts, slowestMs } from '../../retry.ts'
import { contentOf } from '../../source.ts'
import { notFound, targetFailure, wrongSize } from '../../target-failure.ts'
import type { Content, GetOptions, PutOptions, StoredObject, Target, TransferOptions } from '../../target.ts'
import { STATUS, sftpFailure, statusOf } from './failure.ts'
import { closeFile, pathOf, type Place, readPieces, removeFile, statsOf } from './files.ts'
import { FLUSH_BYTES, freeBytesOf, SftpPut } from './put.ts'
import { call, connect, type Server, type Session } from './session.ts'

export interface SftpTargetOptions {
  readonly server: Server
  /** A directory that exists there. */
  readonly root: string
  readonly spend: Spend
  readonly retry: RetryPorts
}

const TEMP = /^\.chame-[0-9a-f]{16}\.part$/
/** A half-sent file that has not grown for so long is not gone on with any more, in seconds. */
const TEMP_AGE_S = 7 * 24 * 3600

interface Doing {
  /** After "could not": "put daily/chame.db". */
  readonly doing: string
  readonly signal: AbortSignal
}

export class SftpTarget implements Target {
  readonly kind = 'sftp'
  readonly name: string
  readonly #options: SftpTargetOptions
  readonly #swept = new Set<string>()
  #session: Promise<Session> | null = null

  constructor(options: SftpTargetOptions) {
    this.name = options.server.name
    this.#options = options
  }

  async put(key: string, content: Content, options: PutOptions): Promise<void> {
    const { signal } = options
    const put = new SftpPut(key, content, { target: this.name, options, spend: this.#options.spend })
    await this.#ask({ doing: `put ${key}`, signal }, async (place, retries) => {
      try {
        await put.send(place, retries)
      } catch (error) {
        await put.forget(place, error)
        throw error
      }
      await this.#sweep(place, directoryOf(key))
    })
  }

  putIfAbsent(key: string, bytes: Uint8Array, options: TransferOptions): Promise<boolean> {
    const put = new SftpPut(key, contentOf(bytes), { target: this.name, options, spend: this.#options.spend })
    return this.#ask({ doing: `put ${key}`, signal: options.signal }, async (place, retries) => {
      const isPut = await put.sendIfAbsent(place, retries)
      if (!isPut) await put.forget(place)
      return isPut
    })
  }

  async *get(key: string, { signal, onBytes, range }: GetOptions): AsyncIterable<Uint8Array> {
    const from = range?.from ?? 0
    const retries = new Retries(this.#options.retry)
    let position = from
    let file: { readonly sizeBytes: number; readonly mtime: number; readonly end: number } | null = null
    for (;;) {
      throwIfCancelled(signal)
      try {
        const place = await this.#place(signal)
        const opened = await this.#openToRead(place, key)
        try {
          const end: number = range === undefined ? opened.sizeBytes : from + range.length
          if (end > opened.sizeBytes)
            throw wrongSize(this.name, key, { expected: end, got: opened.sizeBytes })
          file ??= { sizeBytes: opened.sizeBytes, mtime: opened.mtime, end }
          if (file.sizeBytes !== opened.sizeBytes || file.mtime !== opened.mtime) throw this.#replaced(key)
          for await (const bytes of readPieces(place, opened.handle, { position, end })) {
            await this.#options.spend(bytes.length, signal)
            position += bytes.length
            retries.succeeded()
            onBytes?.(position - from)
            yield bytes
          }
          if (position !== end) throw wrongSize(this.name, key, { expected: end, got: position })
          return
        } finally {
          await closeFile(place, opened.handle)
        }
      } catch (error) {
        await retries.failed(sftpFailure(this.name, error, { doing: `get ${key}`, signal }), signal)
      }
    }
  }

  head(key: string, { signal }: { readonly signal: AbortSignal }): Promise<StoredObject | null> {
    return this.#ask({ doing: `look for ${key}`, signal }, async place => {
      const stats = await statsOf(place, pathOf(place, key))
      return stats?.isFile() === true ? toObject(key, stats) : null
    })
  }

  async *list(prefix: string, { signal }: { readonly signal: AbortSignal }): AsyncIterable<StoredObject> {
    yield* this.#listIn(directoryOf(prefix), prefix, signal)
  }

  async delete(key: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    await this.#ask({ doing: `delete ${key}`, signal }, async place => {
      try {
        await removeFile(place, pathOf(place, key))
      } catch (error) {
        if (statusOf(error) === STATUS.PERMISSION_DENIED) throw this.#mayNotDelete(key, error)
        throw error
      }
    })
  }

  freeBytes({ signal }: { readonly signal: AbortSignal }): Promise<number | null> {
    return this.#ask({ doing: 'read the free space', signal }, freeBytesOf)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const session = await this.#session?.catch(() => null)
    session?.[Symbol.dispose]()
    this.#session = null
  }

  /** Does something on a connection, on a new one when that breaks off. */
  async #ask<T>({ doing, signal }: Doing, work: (place: Place, retries: Retries) => Promise<T>): Promise<T> {
    const retries = new Retries(this.#options.retry, slowestMs(FLUSH_BYTES))
    for (;;) {
      throwIfCancelled(signal)
      try {
        return await work(await this.#place(signal), retries)
      } catch (error) {
        await retries.failed(sftpFailure(this.name, error, { doing, signal }), signal)
      }
    }
  }

  async #place(signal: AbortSignal): Promise<Place> {
    const session = await this.#connected(signal)
    return { session, root: this.#options.root, signal }
  }

  /** The connection that there is, or a new one: one for all calls, however many come at once. */
  async #connected(signal: AbortSignal): Promise<Session> {
    for (;;) {
      throwIfCancelled(signal)
      const opening = (this.#session ??= this.#open(signal))
      try {
        const session = await opening
        if (session.isOpen) return session
      } catch (error) {
        // Somebody else, who was the first to need it, has given up; we have not.
        if (!isCancelled(error) || signal.aborted) throw error
      } finally {
        await this.#forgetClosed(opening)
      }
    }
  }

  async #forgetClosed(opening: Promise<Session>): Promise<void> {
    const session = await opening.catch(() => null)
    if (session?.isOpen !== true && this.#session === opening) this.#session = null
  }

  async #open(signal: AbortSignal): Promise<Session> {
    const { server, root, retry } = this.#options
    const session = await connect(server, { idleMs: retry.patience.idleMs, signal })
    try {
      const stats = await statsOf({ session, root, signal }, root)
      if (stats?.isDirectory() === true) return session
    } catch (error) {
      session[Symbol.dispose]()
      throw error
    }
    session[Symbol.dispose]()
    throw targetFailure(this.name, 'TARGET_REFUSED', `there is no directory ${root} on ${server.host}`, {
      hint: 'Make it there once, or mount the disk that it is on.',
    })
  }

  async #openToRead(
    { session, signal, root }: Place,
    key: string,
  ): Promise<{ handle: Buffer; sizeBytes: number; mtime: number }> {
    try {
      const handle = await call<Buffer>(session, signal, (sftp, done) =>
        sftp.open(pathOf({ root }, key), 'r', done),
      )
      const stats = await call<{ size: number; mtime: number }>(session, signal, (sftp, done) =>
        sftp.fstat(handle, done),
      )
      return { handle, sizeBytes: stats.size, mtime: stats.mtime }
    } catch (error) {
      if (statusOf(error) === STATUS.NO_SUCH_FILE) throw notFound(this.name, key)
      throw error
    }
  }

  async *#listIn(directory: string, prefix: string, signal: AbortSignal): AsyncIterable<StoredObject> {
    if (directory.split('/').length >= KEY_PARTS_MAX) return
    const entries = await this.#ask({ doing: 'list objects', signal }, place => entriesOf(place, directory))
    for (const { filename, attrs } of entries) {
      // What a server says may be anything: a name with a slash in it is none.
      if (filename.startsWith('.') || filename.includes('/')) continue
      const key = directory === '' ? filename : `${directory}/${filename}`
      if (attrs.isDirectory()) {
        if (`${key}/`.startsWith(prefix) || prefix.startsWith(`${key}/`))
          yield* this.#listIn(key, prefix, signal)
      } else if (attrs.isFile() && key.startsWith(prefix)) yield toObject(key, attrs)
    }
  }

  /** Removes what was never gone on with, once a directory. Ages are taken from the server's own clock. */
  async #sweep(place: Place, directory: string): Promise<void> {
    if (this.#swept.has(directory)) return
    this.#swept.add(directory)
    const entries = await entriesOf(place, directory)
    const newest = entries.reduce((latest, { attrs }) => Math.max(latest, attrs.mtime), 0)
    for (const { filename, attrs } of entries) {
      if (!TEMP.test(filename) || newest - attrs.mtime <= TEMP_AGE_S) continue
      const key = directory === '' ? filename : `${directory}/${filename}`
      await removeFile(place, pathOf(place, key)).catch(() => {})
    }
  }

  #replaced(key: string): BackupError {
    return targetFailure(this.name, 'OBJECT_DAMAGED', `${key} was replaced while it was being read`, {
      hint: 'Read it again.',
    })
  }

  #mayNotDelete(key: string, cause: unknown): BackupError {
    return targetFailure(this.name, 'OBJECT_LOCKED', `${key} may not be deleted by this user`, {
      hint: 'If it is meant to be append-only, say appendOnly in the configuration; else give the user the right to delete.',
      cause,
    })
  }
}

function isCancelled(error: unknown): boolean {
  return error instanceof BackupError && error.code === 'CANCELLED'
}

async function entriesOf({ session, signal, root }: Place, directory: string): Promise<FileEntryWithStats[]> {
  try {
    return await call<FileEntryWithStats[]>(session, signal, (sftp, done) =>
      sftp.readdir(pathOf({ root }, directory), done),
    )
  } catch (error) {
    if (statusOf(error) === STATUS.NO_SUCH_FILE) return []
    throw error
  }
}

function toObject(key: string, { size, mtime }: { size: number; mtime: number }): StoredObject {
  return { key, sizeBytes: size, modified: new Date(mtime * 1000).toISOString() }
}
