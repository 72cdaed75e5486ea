/** Whatever an installed rclone knows, as a target. */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import { BackupError, throwIfCancelled } from '../../../errors.ts'
import type { Spend } from '../../bandwidth.ts'
import { directoryOf } from '../../keys.ts'
import { Retries, type RetryPorts } from '../../retry.ts'
import { contentOf, SourceFailed } from '../../source.ts'
import { notFound, targetFailure, wrongSize } from '../../target-failure.ts'
import type { Content, GetOptions, PutOptions, StoredObject, Target, TransferOptions } from '../../target.ts'
import { rcloneFailure, RcloneFailed } from './failure.ts'
import { placeOf, type Rclone, runRclone, startRclone } from './run.ts'

export interface RcloneTargetOptions {
  readonly rclone: Rclone
  readonly spend: Spend
  readonly retry: RetryPorts
}

interface Doing {
  /** After "could not": "put daily/chame.db". */
  readonly doing: string
  readonly signal: AbortSignal
}

/** What a put that was killed leaves is removed by a later one in the same directory. */
const SWEEP = ['--max-depth=1', '--min-age=7d', '--include=.chame-*.part'] as const

export class RcloneTarget implements Target {
  readonly kind = 'rclone'
  readonly name: string
  readonly #options: RcloneTargetOptions
  readonly #swept = new Set<string>()

  constructor(options: RcloneTargetOptions) {
    this.name = options.rclone.name
    this.#options = options
  }

  async put(key: string, content: Content, options: PutOptions): Promise<void> {
    const { signal } = options
    if (options.inOneStep === true)
      throw targetFailure(this.name, 'TARGET_REFUSED', 'rclone may replace objects in two steps')
    const { rclone } = this.#options
    const directory = directoryOf(key)
    const temp = `${directory}${directory === '' ? '' : '/'}.chame-${randomBytes(8).toString('hex')}.part`
    await this.#ask({ doing: `put ${key}`, signal }, async () => {
      try {
        const sizeBytes = await this.#send(temp, content, options)
        if (content.sizeBytes !== null && content.sizeBytes !== sizeBytes)
          throw wrongSize(this.name, key, { expected: content.sizeBytes, got: sizeBytes })
        await this.#requireSize(temp, sizeBytes, signal)
        await runRclone(rclone, ['moveto', placeOf(rclone, temp), placeOf(rclone, key)], signal)
      } catch (error) {
        await this.#remove(temp)
        throw error
      }
    })
    await this.#sweep(directory, signal)
  }

  /** Looks, then puts: two at the same instant may both find the key free. */
  async putIfAbsent(key: string, bytes: Uint8Array, options: TransferOptions): Promise<boolean> {
    if ((await this.head(key, options)) !== null) return false
    await this.put(key, contentOf(bytes), options)
    return true
  }

  async *get(key: string, { signal, onBytes, range }: GetOptions): AsyncIterable<Uint8Array> {
    const object = await this.head(key, { signal })
    if (object === null) throw notFound(this.name, key)
    const from = range?.from ?? 0
    const end = range === undefined ? object.sizeBytes : from + range.length
    if (end > object.sizeBytes) throw wrongSize(this.name, key, { expected: end, got: object.sizeBytes })
    const retries = new Retries(this.#options.retry)
    for (let position = from; position < end;) {
      throwIfCancelled(signal)
      try {
        for await (const chunk of this.#read(key, { position, end, signal })) {
          await this.#options.spend(chunk.length, signal)
          position += chunk.length
          if (position > end) throw wrongSize(this.name, key, { expected: end, got: position })
          retries.succeeded()
          onBytes?.(position - from)
          yield chunk
        }
        if (position < end) throw this.#brokeOff(key)
      } catch (error) {
        await retries.failed(this.#failure(error, { doing: `get ${key}`, signal }), signal)
      }
    }
  }

  head(key: string, { signal }: { readonly signal: AbortSignal }): Promise<StoredObject | null> {
    return this.#ask({ doing: `look for ${key}`, signal }, () => this.#look(key, signal))
  }

  async *list(prefix: string, { signal }: { readonly signal: AbortSignal }): AsyncIterable<StoredObject> {
    const { rclone } = this.#options
    const directory = directoryOf(prefix)
    const words = ['lsjson', '--recursive', '--files-only', '--no-mimetype', placeOf(rclone, directory)]
    try {
      await using running = startRclone(rclone, words, signal)
      running.stdin.end()
      // One object a line; all of them at once may be more than fits into memory.
      for await (const line of createInterface({ input: running.stdout })) {
        const object = parseLine(line)
        if (object === null) continue
        const key = directory === '' ? object.key : `${directory}/${object.key}`
        if (key.startsWith(prefix)) yield { ...object, key }
      }
      await running.ended
    } catch (error) {
      if (error instanceof RcloneFailed && error.isNotFound) return
      throw this.#failure(error, { doing: 'list objects', signal })
    }
  }

  async delete(key: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const { rclone } = this.#options
    await this.#ask({ doing: `delete ${key}`, signal }, async () => {
      try {
        await runRclone(rclone, ['deletefile', placeOf(rclone, key)], signal)
      } catch (error) {
        // It fails for what is not there, with an exit code that differs from version to version.
        if (!(error instanceof RcloneFailed)) throw error
        if ((await this.#look(key, signal)) === null) return
        throw error.isDenied ? this.#mayNotDelete(key) : error
      }
    })
  }

  /** Null where the service does not tell. */
  async freeBytes({ signal }: { readonly signal: AbortSignal }): Promise<number | null> {
    const { rclone } = this.#options
    try {
      const about: unknown = JSON.parse(
        await runRclone(rclone, ['about', '--json', placeOf(rclone, '')], signal),
      )
      const free = typeof about === 'object' && about !== null && 'free' in about ? about.free : null
      return typeof free === 'number' ? free : null
    } catch (error) {
      if (error instanceof BackupError) throw error
      return null
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  /** Sends the content under a name that is never listed; returns how many bytes there were. */
  async #send(temp: string, content: Content, { signal, onBytes }: TransferOptions): Promise<number> {
    const { rclone, spend } = this.#options
    const size = content.sizeBytes === null ? [] : [`--size=${content.sizeBytes}`]
    await using running = startRclone(rclone, ['rcat', ...size, placeOf(rclone, temp)], signal)
    running.stdout.resume()
    let done = 0
    for await (const chunk of content.open(0)) {
      throwIfCancelled(signal)
      await spend(chunk.length, signal)
      if (!(await write(running.stdin, chunk, running.ended))) break
      done += chunk.length
      onBytes?.(done)
    }
    running.stdin.end()
    await running.ended
    return done
  }

  async *#read(
    key: string,
    { position, end, signal }: { position: number; end: number; signal: AbortSignal },
  ): AsyncIterable<Uint8Array> {
    const { rclone } = this.#options
    const words = ['cat', `--offset=${position}`, `--count=${end - position}`, placeOf(rclone, key)]
    await using running = startRclone(rclone, words, signal)
    running.stdin.end()
    for await (const chunk of running.stdout) yield chunk as Buffer
    await running.ended
  }

  async #look(key: string, signal: AbortSignal): Promise<StoredObject | null> {
    const { rclone } = this.#options
    try {
      const text = await runRclone(
        rclone,
        ['lsjson', '--stat', '--no-mimetype', placeOf(rclone, key)],
        signal,
      )
      const object = toObject(JSON.parse(text))
      return object === null ? null : { ...object, key }
    } catch (error) {
      if (error instanceof RcloneFailed && error.isNotFound) return null
      throw error
    }
  }

  /** What it says that it stored is looked at: some services cut off without a word. */
  async #requireSize(key: string, sizeBytes: number, signal: AbortSignal): Promise<void> {
    const object = await this.#look(key, signal)
    if (object === null || object.sizeBytes !== sizeBytes) throw this.#brokeOff(key)
  }

  async #remove(key: string): Promise<void> {
    const { rclone } = this.#options
    await runRclone(rclone, ['deletefile', placeOf(rclone, key)], AbortSignal.timeout(REMOVE_MS)).catch(
      () => {},
    )
  }

  async #sweep(directory: string, signal: AbortSignal): Promise<void> {
    const { rclone } = this.#options
    if (this.#swept.has(directory)) return
    this.#swept.add(directory)
    await runRclone(rclone, ['delete', ...SWEEP, placeOf(rclone, directory)], signal).catch(() => {})
  }

  async #ask<T>({ doing, signal }: Doing, work: () => Promise<T>): Promise<T> {
    const retries = new Retries(this.#options.retry)
    for (;;) {
      throwIfCancelled(signal)
      try {
        return await work()
      } catch (error) {
        await retries.failed(this.#failure(error, { doing, signal }), signal)
      }
    }
  }

  #failure(error: unknown, doing: Doing): unknown {
    if (error instanceof SourceFailed || !(error instanceof RcloneFailed)) return error
    return rcloneFailure(this.name, error, doing)
  }

  #mayNotDelete(key: string): BackupError {
    return targetFailure(this.name, 'OBJECT_LOCKED', `${key} may not be deleted with these credentials`, {
      hint: 'If it is meant to be append-only, say appendOnly in the configuration; else give them the right to delete.',
    })
  }

  #brokeOff(key: string): BackupError {
    return targetFailure(this.name, 'TARGET_UNREACHABLE', `${key} broke off before its end`)
  }
}

/** What cannot be removed by then is swept later. */
const REMOVE_MS = 15_000

/** False when rclone has ended, and reads no more. */
async function write(stdin: Writable, chunk: Uint8Array, ended: Promise<void>): Promise<boolean> {
  if (stdin.destroyed) return false
  if (stdin.write(chunk)) return true
  const stop = new AbortController()
  const hasEnded = ended.then(
    () => false,
    () => false,
  )
  const drained = once(stdin, 'drain', { signal: stop.signal }).then(
    () => true,
    () => false,
  )
  const goesOn = await Promise.race([drained, hasEnded])
  stop.abort()
  return goesOn
}

function parseLine(line: string): StoredObject | null {
  const text = line.trim().replace(/,$/, '')
  return text.startsWith('{') ? toObject(JSON.parse(text)) : null
}

/** A foreign program's answer: taken apart, not trusted. Null for what is no file. */
function toObject(value: unknown): StoredObject | null {
  if (typeof value !== 'object' || value === null) return null
  const { Path, Size, ModTime, IsDir } = value as Record<string, unknown>
  if (IsDir === true || typeof Path !== 'string' || typeof Size !== 'number') return null
  const at = typeof ModTime === 'string' ? Date.parse(ModTime) : Number.NaN
  return { key: Path, sizeBytes: Size, modified: Number.isNaN(at) ? null : new Date(at).toISOString() }
}
