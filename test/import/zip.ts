import { buffer } from 'node:stream/consumers'
import { ZipFile } from 'yazl'

/** A ZIP of the given files. */
export async function zipOf(files: ReadonlyMap<string, string>): Promise<Buffer> {
  const zip = new ZipFile()
  for (const [name, text] of files) zip.addBuffer(Buffer.from(text), name)
  zip.end()
  return await buffer(zip.outputStream as NodeJS.ReadableStream)
}
