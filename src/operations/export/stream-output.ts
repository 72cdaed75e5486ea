/** An export that goes to a stream of the caller's, such as standard output. */
import { Writable } from 'node:stream'
import { OutputStream } from '../../storage/output-stream.ts'
import { ZipOutput } from '../../storage/zip.ts'
import type { ExportOutput, OutputOrder } from './output.ts'
import { streamPart, transformsOf } from './output-part.ts'

/** What errors call it. */
const STANDARD_OUTPUT = 'standard output'

/** The caller's own stream, such as stdout: nothing to publish, and nobody to take back what was written. */
export function streamOutput(
  stream: Writable,
  { packing, compression, time }: Pick<OutputOrder, 'packing' | 'compression' | 'time'>,
): ExportOutput {
  if (packing === 'zip') return zipToStream(stream, time)
  const transforms = transformsOf(compression)
  const output = new OutputStream(stream, STANDARD_OUTPUT, { transforms, isLastKept: true })
  return {
    part: async () => streamPart(output),
    publish: async () => ({ path: '-', files: ['-'], bytes: output.bytes }),
    [Symbol.asyncDispose]: async () => {},
  }
}

function zipToStream(stream: Writable, time: Date): ExportOutput {
  const output = new OutputStream(stream, STANDARD_OUTPUT, { isLastKept: true })
  // The archive ends what it is written to.
  const archive = new Writable({
    write: (chunk: Buffer, _encoding, done) => void output.write(chunk).then(() => done(), done),
    final: done => void output.end().then(() => done(), done),
  })
  const zip = new ZipOutput(archive, { mtime: time })
  const names: string[] = []
  return {
    async part(name) {
      names.push(name)
      return streamPart(new OutputStream(zip.addFile(name), STANDARD_OUTPUT))
    },
    async publish() {
      await zip.end()
      return { path: '-', files: names, bytes: output.bytes }
    },
    [Symbol.asyncDispose]: async () => {},
  }
}
