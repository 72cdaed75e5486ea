/** Reading and writing open files whole: a call may do less than it was asked, and says so only by a number. */
import { closeSync, readSync, writeSync } from 'node:fs'
import { toTypedError } from './io-errors.ts'

/** An open descriptor, and the path that an error names. */
export interface OpenFile {
  readonly fd: number
  readonly path: string
}

/** Reads until `into` is full or the file ends; returns the bytes read. */
export function readAvailable({ fd, path }: OpenFile, into: Uint8Array, position: number): number {
  try {
    let got = 0
    while (got < into.length) {
      const count = readSync(fd, into, got, into.length - got, position + got)
      if (count === 0) break
      got += count
    }
    return got
  } catch (error) {
    throw toTypedError(error, 'read', path)
  }
}

/**
 * Writes all of `bytes`: a full disk shows first as a short write without an error.
 *
 * @param position null where there is none, as in a pipe
 */
export function writeFully({ fd, path }: OpenFile, bytes: Uint8Array, position: number | null): void {
  try {
    for (let done = 0; done < bytes.length;) {
      done += writeSync(fd, bytes, done, bytes.length - done, position === null ? null : position + done)
    }
  } catch (error) {
    throw toTypedError(error, 'write', path)
  }
}

/** Closes a descriptor that was only read. Should that fail, the kernel has closed it all the same, and what was read was read. */
export function closeRead(fd: number): void {
  try {
    closeSync(fd)
  } catch {
    // Nothing rests on it.
  }
}
