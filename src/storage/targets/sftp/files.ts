/** The steps of SFTP that putting and reading are made of. */
import type { Stats } from 'ssh2'
import { directoryOf } from '../../keys.ts'
import { STATUS, statusOf } from './failure.ts'
import { call, callExtension, type Session } from './session.ts'

const DIRECTORY_MODE = 0o700
/** Every server takes so much at once (draft-ietf-secsh-filexfer-02, 3). */
const CHUNK_BYTES = 32 << 10
/** So many are on their way at once, for lines whose answers take their time. */
const CHUNKS_AT_ONCE = 64

/** A place on a server, and the connection to it. */
export interface Place {
  readonly session: Session
  readonly root: string
  readonly signal: AbortSignal
}

export function pathOf({ root }: Pick<Place, 'root'>, key: string): string {
  return key === '' ? root : `${root}/${key}`
}

/** Null when there is nothing. */
export async function statsOf({ session, signal }: Place, path: string): Promise<Stats | null> {
  try {
    return await call<Stats>(session, signal, (sftp, done) => sftp.stat(path, done))
  } catch (error) {
    if (statusOf(error) === STATUS.NO_SUCH_FILE) return null
    throw error
  }
}

/** Makes the directory of a key and its parents below the root. */
export async function makeDirectoryOf(place: Place, key: string): Promise<void> {
  const directory = directoryOf(key)
  if (directory === '' || (await statsOf(place, pathOf(place, directory))) !== null) return
  await makeDirectoryOf(place, directory)
  try {
    await call(place.session, place.signal, (sftp, done) =>
      sftp.mkdir(pathOf(place, directory), { mode: DIRECTORY_MODE }, done),
    )
  } catch (error) {
    // Somebody else made it meanwhile.
    if (statusOf(error) === null || (await statsOf(place, pathOf(place, directory))) === null) throw error
  }
}

/** What is not there is fine. */
export async function removeFile({ session, signal }: Place, path: string): Promise<void> {
  try {
    await call(session, signal, (sftp, done) => sftp.unlink(path, done))
  } catch (error) {
    if (statusOf(error) !== STATUS.NO_SUCH_FILE) throw error
  }
}

/** Whether the server can flush a file to its disk, and did. */
export async function flush({ session, signal }: Place, handle: Buffer): Promise<boolean> {
  return (await callExtension(session, signal, (sftp, done) => sftp.ext_openssh_fsync(handle, done))) !== null
}

/** Closes it, unless the connection is gone and it with it. */
export async function closeFile({ session }: Place, handle: Buffer): Promise<void> {
  if (!session.isOpen) return
  await call(session, NEVER, (sftp, done) => sftp.close(handle, done)).catch(() => {})
}

const NEVER = new AbortController().signal

/** Gives a file its name, in place of what has it, in one step; false where the server cannot do that. */
export async function replaceInOneStep(
  { session, signal }: Place,
  from: string,
  to: string,
): Promise<boolean> {
  const done = await callExtension(session, signal, (sftp, then) => sftp.ext_openssh_rename(from, to, then))
  return done !== null
}

/** The same in two steps: there is a moment without either. */
export async function replaceInTwoSteps(place: Place, from: string, to: string): Promise<void> {
  const { session, signal } = place
  if ((await statsOf(place, from)) !== null) await removeFile(place, to)
  await call(session, signal, (sftp, done) => sftp.rename(from, to, done))
}

/**
 * Whether two names are of one file. OpenSSH's server renames by giving the file its second name and taking the first away
 * (sftp-server.c, process_rename): killed in between it leaves both. The protocol tells nothing of that, so the time of one
 * is set, and looked for at the other.
 */
export async function isSameFile(place: Place, one: string, other: string): Promise<boolean> {
  const [first, second] = [await statsOf(place, one), await statsOf(place, other)]
  if (first === null || second === null || first.mtime !== second.mtime) return false
  const setTime = (seconds: number): Promise<void> =>
    call<void>(place.session, place.signal, (sftp, done) => sftp.utimes(one, seconds, seconds, done))
  try {
    await setTime(first.mtime + 1)
    const after = await statsOf(place, other)
    await setTime(first.mtime)
    return after?.mtime === first.mtime + 1
  } catch (error) {
    if (statusOf(error) === null) throw error
    return false // A server that sets no times.
  }
}

/** Writes, in order but without waiting for each answer. */
export class Writing {
  readonly #place: Place
  readonly #handle: Buffer
  readonly #moved: () => void
  readonly #onWay = new Set<Promise<void>>()
  #failure: { readonly error: unknown } | null = null
  position: number

  /** @param moved is called whenever the server has taken something */
  constructor(place: Place, handle: Buffer, { position, moved }: { position: number; moved: () => void }) {
    this.#place = place
    this.#handle = handle
    this.#moved = moved
    this.position = position
  }

  async write(bytes: Uint8Array): Promise<void> {
    const { session, signal } = this.#place
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      if (this.#failure !== null) throw this.#failure.error
      // A copy: who made the bytes may use their memory again before they are sent.
      const chunk = Buffer.from(bytes.subarray(at, at + CHUNK_BYTES))
      const position = this.position
      this.position += chunk.length
      const one = call<void>(session, signal, (sftp, done) =>
        sftp.write(this.#handle, chunk, 0, chunk.length, position, done),
      )
        .then(this.#moved)
        .catch((error: unknown) => {
          this.#failure ??= { error }
        })
        .finally(() => this.#onWay.delete(one))
      this.#onWay.add(one)
      if (this.#onWay.size >= CHUNKS_AT_ONCE) await Promise.race(this.#onWay)
    }
  }

  /** Resolves once every answer is there. */
  async settle(): Promise<void> {
    await Promise.all(this.#onWay)
    if (this.#failure !== null) throw this.#failure.error
  }
}

/** Reads a part of an open file, in order, asking for more than one piece at once. Ends early where the file does. */
export async function* readPieces(
  { session, signal }: Place,
  handle: Buffer,
  { position, end }: { position: number; end: number },
): AsyncIterable<Uint8Array> {
  const asked: Promise<Uint8Array>[] = []
  let next = position
  try {
    for (;;) {
      while (next < end && asked.length < READS_AT_ONCE) {
        const piece = readFully(session, signal, handle, next, Math.min(CHUNK_BYTES, end - next))
        piece.catch(() => {})
        asked.push(piece)
        next += CHUNK_BYTES
      }
      const bytes = await asked.shift()
      if (bytes === undefined) return
      if (bytes.length > 0) yield bytes
    }
  } finally {
    await Promise.allSettled(asked)
  }
}

/** Their bytes lie in memory until they are wanted. */
const READS_AT_ONCE = 32
const EOF = 1

/** A server may give less than it was asked for, and says at the end of the file that there is no more. */
async function readFully(
  session: Session,
  signal: AbortSignal,
  handle: Buffer,
  position: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafe(length)
  let got = 0
  while (got < length) {
    const at = got
    try {
      const count = await call<number>(session, signal, (sftp, done) =>
        sftp.read(handle, bytes, at, length - at, position + at, (error, bytesRead) =>
          done(error, bytesRead),
        ),
      )
      if (count === 0) break
      got += count
    } catch (error) {
      if (statusOf(error) !== EOF) throw error
      break
    }
  }
  return bytes.subarray(0, got)
}
