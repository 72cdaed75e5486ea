/** A file of lines that is put aside when it is large or of another day. */
import { type FileHandle, constants, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

export interface LogFileOptions {
  readonly path: string
  readonly maxSizeBytes: number
  readonly maxDays: number
  readonly now: () => Date
  /** Told why the file takes nothing, once until it does again. */
  readonly onFailing: (reason: string) => void
  /** Gets each line that the file did not take. */
  readonly onRefused: (line: string) => void
}

/** What waits for a disk that does not answer; a scheduler writes this much in weeks. */
const WAITING_CHARACTERS_MAX = 1 << 20
/** Bounds what a scheduler that fails in circles can fill: so many files, whatever their age. */
const FILES_MAX = 30
const DAY_MS = 86_400_000

/** Lines are written in order, by one write at a time, and by none of ours that the event loop waits for. */
export class LogFile {
  readonly #options: LogFileOptions
  #waiting: string[] = []
  #waitingCharacters = 0
  /** Lines that the file lacks since it last took one. */
  #missed = 0
  /** Lines that came after those that wait, and found no room beside them. */
  #crowdedOut = 0
  #isFailing = false
  #handle: FileHandle | null = null
  /** Of the last line; null: ask the file. */
  #day: string | null = null
  #writing: Promise<void> | null = null

  constructor(options: LogFileOptions) {
    this.#options = options
  }

  append(line: string): void {
    if (this.#waitingCharacters + line.length > WAITING_CHARACTERS_MAX) {
      this.#crowdedOut += 1
      return
    }
    this.#waiting.push(line)
    this.#waitingCharacters += line.length
    this.#writing ??= this.#writeWaiting()
  }

  /** Resolves when nothing waits. */
  async written(): Promise<void> {
    while (this.#writing !== null) await this.#writing
    await this.#close()
  }

  async #writeWaiting(): Promise<void> {
    while (this.#waiting.length > 0) {
      const [lines, crowdedOut] = [this.#waiting, this.#crowdedOut]
      this.#waiting = []
      this.#waitingCharacters = 0
      this.#crowdedOut = 0
      for (const line of lines) await this.#write(line)
      this.#missed += crowdedOut
      if (crowdedOut > 0) await this.#write('')
    }
    this.#writing = null
  }

  /** A line, and before it how many the file lacks. */
  async #write(line: string): Promise<void> {
    const text = this.#missing() + line
    try {
      const handle = await this.#openFor(Buffer.byteLength(text))
      await writeWhole(handle, text)
      this.#isFailing = false
      this.#missed = 0
    } catch (error) {
      await this.#close()
      this.#refuse(line, error)
    }
  }

  /** The file for so many bytes more: ours may have been removed, moved or filled meanwhile, and its directory too. */
  async #openFor(bytes: number): Promise<FileHandle> {
    const { path, maxSizeBytes, now } = this.#options
    const there = await stat(path).catch(() => null)
    const own = await this.#handle?.stat()
    if (own !== undefined && (there === null || there.ino !== own.ino || there.dev !== own.dev))
      await this.#close()
    const today = dayOf(now())
    if (there !== null && there.isFile() && there.size > 0) {
      const isOfToday = (this.#day ?? dayOf(there.mtime)) === today
      if (!isOfToday || there.size + bytes > maxSizeBytes) await this.#putAside()
    }
    this.#day = today
    this.#handle ??= await openLog(path)
    return this.#handle
  }

  /** The name says when, in UTC; a second file of the same second gets a number. */
  async #putAside(): Promise<void> {
    const { path, now } = this.#options
    await this.#close()
    const names = new Set(await readdir(dirname(path)))
    const stamp = now().toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '_')
    const name = (count: number): string => `${basename(path)}.${stamp}${count === 1 ? '' : `_${count}`}`
    let count = 1
    while (names.has(name(count))) count += 1
    await rename(path, join(dirname(path), name(count)))
    // What cannot be removed is tried again next time; the new file does not wait for it.
    await this.#removeOld().catch(() => {})
  }

  async #removeOld(): Promise<void> {
    const { path, maxDays, now } = this.#options
    const prefix = `${basename(path)}.`
    const aside = (await readdir(dirname(path))).flatMap(name => {
      const at = name.startsWith(prefix) ? timeOf(name.slice(prefix.length)) : null
      return at === null ? [] : [{ name, at }]
    })
    const newestFirst = aside.toSorted((a, b) => b.at - a.at)
    const oldest = now().getTime() - maxDays * DAY_MS
    for (const { name } of newestFirst.filter(({ at }, index) => index >= FILES_MAX || at < oldest))
      await unlink(join(dirname(path), name))
  }

  #missing(): string {
    if (this.#missed === 0) return ''
    const message = `Lines missing here, because the file could not be written: ${this.#missed}`
    return `${JSON.stringify({ level: 'warn', time: this.#options.now().toISOString(), msg: message })}\n`
  }

  #refuse(line: string, error: unknown): void {
    const { path, onFailing, onRefused } = this.#options
    if (!this.#isFailing) {
      const why = error instanceof Error ? error.message : String(error)
      onFailing(`The log cannot be written (${why}): ${path}. Backups go on; its lines follow here.`)
    }
    this.#isFailing = true
    if (line === '') return
    this.#missed += 1
    onRefused(line)
  }

  async #close(): Promise<void> {
    const handle = this.#handle
    this.#handle = null
    await handle?.close().catch(() => {})
  }
}

/** For appending. Refuses what is no file: a pipe without a reader would make us wait for ever. */
async function openLog(path: string): Promise<FileHandle> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const { O_WRONLY, O_APPEND, O_CREAT, O_NONBLOCK } = constants
  const handle = await open(path, O_WRONLY | O_APPEND | O_CREAT | O_NONBLOCK, 0o600)
  try {
    const stats = await handle.stat()
    if (!stats.isFile()) throw new Error('it is not a file')
    if ((stats.mode & 0o777) !== 0o600) await handle.chmod(0o600)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** A full disk shows first as a short write without an error; half a line that it leaves is taken back. */
async function writeWhole(handle: FileHandle, text: string): Promise<void> {
  const bytes = Buffer.from(text)
  const { size } = await handle.stat()
  let done = 0
  try {
    while (done < bytes.length) done += (await handle.write(bytes, done)).bytesWritten
  } catch (error) {
    // Unless another process has written behind it.
    const isLast = (await handle.stat()).size === size + done
    if (isLast) await handle.truncate(size)
    throw error
  }
}

function dayOf(time: Date): string {
  return time.toISOString().slice(0, 10)
}

/** When a file was put aside, of the end of its name; null when it is not one of ours. */
function timeOf(suffix: string): number | null {
  const parts = /^(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)(?:_\d+)?$/.exec(suffix)
  if (parts === null) return null
  const [, year, month, day, hour, minute, second] = parts
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
}
