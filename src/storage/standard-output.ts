import { write } from 'node:fs'
import { Socket } from 'node:net'
import { Writable } from 'node:stream'

const STANDARD_OUTPUT = 1

/**
 * This process's standard output, for bytes that must all arrive. Into a pipe or a terminal it is Node's own; into
 * a file or a device that does not do, for it takes a short write, as a disk that fills up gives it, for a whole one.
 */
export function standardOutput(): Writable {
  const stream: Writable = process.stdout
  return stream instanceof Socket ? stream : writerOf(STANDARD_OUTPUT)
}

/** Writes where the file stands, or at its end when it was opened so. Leaves it open. */
function writerOf(fd: number): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const writeFrom = (from: number): void => {
        if (from === chunk.length) return done()
        write(fd, chunk, from, chunk.length - from, null, (error, written) => {
          if (error !== null) done(error)
          else writeFrom(from + written)
        })
      }
      writeFrom(0)
    },
  })
}
