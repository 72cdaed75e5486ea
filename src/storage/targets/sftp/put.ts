/**
 * Putting a file on an SSH server: a name that is never listed, flushed, then renamed.
 *
 * A half-sent file may be of a source that was damaged, and whose process was killed before it knew. So what the server
 * has is hashed: what this put sends as it goes, and what was there before by reading it back. What is gone on with gets
 * its name only with the SHA-256 that it is to have.
 */
import { createHash, type Hash, randomBytes } from 'node:crypto'
import { BackupError, type ErrorCode, throwIfCancelled } from '../../../errors.ts'
import type { Spend } from '../../bandwidth.ts'
import { directoryOf } from '../../keys.ts'
import type { Retries } from '../../retry.ts'
import { SourceFailed } from '../../source.ts'
import { targetFailure, wrongSize } from '../../target-failure.ts'
import type { Content, PutOptions } from '../../target.ts'
import { STATUS, statusOf } from './failure.ts'
import {
  closeFile,
  flush,
  isSameFile,
  makeDirectoryOf,
  pathOf,
  type Place,
  readPieces,
  removeFile,
  replaceInOneStep,
  replaceInTwoSteps,
  statsOf,
  Writing,
} from './files.ts'
import { call, callExtension } from './session.ts'

const FILE_MODE = 0o600
/** To write; made where it is not there, and left as it is where it is (draft-ietf-secsh-filexfer-02, 6.3). */
const WITHOUT_CUTTING = 0x02 | 0x08
/** How much is sent between two flushes; what lies before the last of them need not be sent again. */
export const FLUSH_BYTES: number = 8 << 20
/** Less than this is as good as nothing: file systems keep some for themselves. */
const FULL_BYTES = 1 << 20

/** What says that the bytes that were sent are not those of the content. */
const OF_CONTENT: ReadonlySet<ErrorCode> = new Set(['BACKUP_DAMAGED', 'OBJECT_DAMAGED'])

/** What is known to be on the server, from the beginning of the file on. */
interface Arrived {
  readonly sizeBytes: number
  readonly hash: Hash
}

/** One object on its way, over as many connections as it takes. */
export class SftpPut {
  readonly #target: string
  readonly #key: string
  readonly #content: Content
  readonly #options: PutOptions
  readonly #spend: Spend
  readonly #temp: string
  readonly #canResume: boolean
  /** What this put has read back, or sent and seen flushed: over a new connection it need not be read once more. */
  #arrived = nothingArrived()
  /** What was gone on with was of something else, and has been removed: from then on all is this put's own. */
  #wasBegunAnew = false
  /** The server was asked for the last step: it may have taken it, though its answer was lost. */
  #wasAsked = false

  constructor(
    key: string,
    content: Content,
    { target, options, spend }: { target: string; options: PutOptions; spend: Spend },
  ) {
    this.#target = target
    this.#key = key
    this.#content = content
    this.#options = options
    this.#spend = spend
    this.#canResume = content.sizeBytes !== null && content.sha256 !== null
    const directory = directoryOf(key)
    this.#temp = `${directory}${directory === '' ? '' : '/'}.chame-${this.#id()}.part`
  }

  /** Sends what the server does not have, and gives it its name. `retries` is told what has gone, and what has arrived for good. */
  async send(place: Place, retries: Retries): Promise<void> {
    if (await this.#isDone(place)) return
    await this.#writeWhole(place, retries)
    this.#wasAsked = true
    const [from, to] = [pathOf(place, this.#temp), pathOf(place, this.#key)]
    if (await replaceInOneStep(place, from, to)) return
    if (this.#options.inOneStep === true) {
      await removeFile(place, from)
      throw this.#inTwoSteps()
    }
    await replaceInTwoSteps(place, from, to)
  }

  /** The same, unless the name is taken: a rename of the protocol's own never replaces. */
  async sendIfAbsent(place: Place, retries: Retries): Promise<boolean> {
    const [from, to] = [pathOf(place, this.#temp), pathOf(place, this.#key)]
    if (!this.#wasAsked) {
      if ((await statsOf(place, to)) !== null) return false
      await this.#writeWhole(place, retries)
    } else if (await this.#isDone(place)) return true
    this.#wasAsked = true
    try {
      await call(place.session, place.signal, (sftp, done) => sftp.rename(from, to, done))
      return true
    } catch (error) {
      if (statusOf(error) === null || (await statsOf(place, to)) === null) throw error
      if (!(await isSameFile(place, from, to))) return false
      await removeFile(place, from)
      return true
    }
  }

  /** Removes what was sent, unless another try may go on with it. */
  async forget(place: Place, failure: unknown = null): Promise<void> {
    if ((this.#canResume && !isOfContent(failure)) || !place.session.isOpen) return
    await call(place.session, place.signal, (sftp, done) =>
      sftp.unlink(pathOf(place, this.#temp), done),
    ).catch(() => {})
  }

  /** The same for the same content, where that is known, so that a later process finds it. */
  #id(): string {
    if (!this.#canResume) return randomBytes(8).toString('hex')
    const identity = `${this.#key}\n${this.#content.sizeBytes}\n${this.#content.sha256}`
    return createHash('sha256').update(identity).digest('hex').slice(0, 16)
  }

  /** Whether the rename that was asked for took place: what was to be renamed is gone. */
  async #isDone(place: Place): Promise<boolean> {
    return (
      this.#wasAsked &&
      (await statsOf(place, pathOf(place, this.#temp))) === null &&
      (await statsOf(place, pathOf(place, this.#key))) !== null
    )
  }

  /** Writes all of it, once more from its beginning where what was gone on with turns out to be of something else. */
  async #writeWhole(place: Place, retries: Retries): Promise<void> {
    await makeDirectoryOf(place, this.#key)
    while (!(await this.#write(place, retries))) {
      if (this.#wasBegunAnew) throw this.#changed()
      await removeFile(place, pathOf(place, this.#temp))
      this.#arrived = nothingArrived()
      this.#wasBegunAnew = true
    }
  }

  /** False when what the server has by now is not the content. */
  async #write(place: Place, retries: Retries): Promise<boolean> {
    const { sizeBytes, sha256 } = this.#content
    const path = pathOf(place, this.#temp)
    const from = await this.#resumeAt(place, path)
    const handle = await call<Buffer>(place.session, place.signal, (sftp, done) =>
      sftp.open(path, from === null ? 'w' : from === 0 ? WITHOUT_CUTTING : 'r+', { mode: FILE_MODE }, done),
    )
    try {
      await this.#readBack(place, { handle, end: from ?? 0, retries })
      const writing = new Writing(place, handle, { position: from ?? 0, moved: () => retries.moved() })
      const hash = await this.#sendFrom(place, writing, { handle, retries })
      if (sizeBytes !== null && writing.position !== sizeBytes)
        throw wrongSize(this.#target, this.#key, { expected: sizeBytes, got: writing.position })
      return !this.#canResume || hash.digest('hex') === sha256
    } catch (error) {
      throw (await this.#isFull(place, error)) ? this.#full(error) : error
    } finally {
      await closeFile(place, handle)
    }
  }

  /** Hashes what the server has up to `end`. That is progress, as no byte is read back twice. */
  async #readBack(
    place: Place,
    { handle, end, retries }: { handle: Buffer; end: number; retries: Retries },
  ): Promise<void> {
    if (this.#arrived.sizeBytes > end) this.#arrived = nothingArrived()
    const { signal, onBytes } = this.#options
    for await (const bytes of readPieces(place, handle, { position: this.#arrived.sizeBytes, end })) {
      await this.#spend(bytes.length, signal)
      const { sizeBytes, hash } = this.#arrived
      this.#arrived = { sizeBytes: sizeBytes + bytes.length, hash: hash.update(bytes) }
      retries.succeeded()
      onBytes?.(this.#arrived.sizeBytes)
    }
  }

  /** Returns the hash of all that the server has then. */
  async #sendFrom(
    place: Place,
    writing: Writing,
    { handle, retries }: { handle: Buffer; retries: Retries },
  ): Promise<Hash> {
    const { signal, onBytes } = this.#options
    const hash = this.#arrived.hash.copy()
    let flushAt = writing.position + FLUSH_BYTES
    for await (const chunk of this.#content.open(writing.position)) {
      let rest = chunk
      while (rest.length > 0) {
        throwIfCancelled(signal)
        const piece = rest.subarray(0, flushAt - writing.position)
        await this.#spend(piece.length, signal)
        await writing.write(piece)
        if (this.#canResume) hash.update(piece)
        rest = rest.subarray(piece.length)
        onBytes?.(writing.position)
        if (writing.position < flushAt) continue
        await writing.settle()
        if (await flush(place, handle)) this.#arrived = { sizeBytes: writing.position, hash: hash.copy() }
        retries.succeeded()
        flushAt += FLUSH_BYTES
      }
    }
    await writing.settle()
    await flush(place, handle)
    return hash
  }

  /**
   * How much the server has on its disk. A part is only gone on with behind a flush that something was written after, or
   * that this put has seen; where the server cannot flush, not at all. Null: what is there has to go. Otherwise it stays
   * until it is written over: another process may be sending the same, and rely on what it has sent.
   */
  async #resumeAt(place: Place, path: string): Promise<number | null> {
    if (!this.#canResume) return null
    const stats = await statsOf(place, path)
    if (stats === null || stats.size === 0) return 0
    if (stats.size > (this.#content.sizeBytes ?? 0)) return null
    const seen = stats.size < this.#arrived.sizeBytes ? 0 : this.#arrived.sizeBytes
    const from = Math.max(seen, Math.floor((stats.size - 1) / FLUSH_BYTES) * FLUSH_BYTES)
    if (from === 0) return 0
    const handle = await call<Buffer>(place.session, place.signal, (sftp, done) =>
      sftp.open(path, 'r+', done),
    )
    try {
      return (await flush(place, handle)) ? from : 0
    } finally {
      await closeFile(place, handle)
    }
  }

  /** The protocol has no word for a full disk: it is a failure like any other. */
  async #isFull(place: Place, error: unknown): Promise<boolean> {
    if (statusOf(error) !== STATUS.FAILURE) return false
    const free = await freeBytesOf(place).catch(() => null)
    return free !== null && free < FULL_BYTES
  }

  #changed(): Error {
    return targetFailure(
      this.#target,
      'OBJECT_DAMAGED',
      `what was sent of ${this.#key} is not what it should be`,
      { hint: 'The file changes while it is read, or its disk is failing: verify it.' },
    )
  }

  #inTwoSteps(): Error {
    return targetFailure(this.#target, 'TARGET_REFUSED', 'its server replaces files in two steps only', {
      hint: "OpenSSH's server can do it in one (posix-rename@openssh.com).",
    })
  }

  #full(cause: unknown): Error {
    return targetFailure(this.#target, 'TARGET_FULL', `could not put ${this.#key}: its disk is full`, {
      cause,
    })
  }
}

function nothingArrived(): Arrived {
  return { sizeBytes: 0, hash: createHash('sha256') }
}

/** Whether what was sent proved not to be the content, as that of a damaged source: nobody is to go on with it. */
function isOfContent(failure: unknown): boolean {
  const error = failure instanceof SourceFailed ? failure.cause : failure
  return error instanceof BackupError && OF_CONTENT.has(error.code)
}

/** Null where the server does not tell. */
export async function freeBytesOf(place: Place): Promise<number | null> {
  const answer = await callExtension<{ f_bavail: number; f_frsize: number }>(
    place.session,
    place.signal,
    (sftp, done) => sftp.ext_openssh_statvfs(place.root, done),
  )
  return answer === null ? null : Number(answer.value.f_bavail) * Number(answer.value.f_frsize)
}
