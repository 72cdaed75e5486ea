/** What an export says, whatever it is packed in: the bytes of its files, and what programs read from them. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { parquetReadObjects } from 'hyparquet'
import { fromBufferPromise } from 'yauzl'
import type { ExportMetadata } from '../../src/export/model.ts'

/** Every file by its name, decompressed; of a Parquet file both what it is and what it holds. */
export async function readExport(path: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>()
  const stored = statSync(path).isDirectory()
    ? readdirSync(path).map((name): [string, Buffer] => [name, readFileSync(join(path, name))])
    : path.endsWith('.zip')
      ? await unzip(readFileSync(path))
      : [[path, readFileSync(path)] as [string, Buffer]]
  for (const [name, bytes] of stored) {
    files.set(name, bytes)
    if (name.endsWith('.zst')) files.set(name.slice(0, -4), zstdDecompressSync(bytes))
    if (name.endsWith('.gz')) files.set(name.slice(0, -3), gunzipSync(bytes))
    if (name.endsWith('.parquet')) files.set(`${name} as read`, await parquetText(bytes))
  }
  return files
}

export function allBytes(files: ReadonlyMap<string, Buffer>): Buffer {
  return Buffer.concat([...files].flatMap(([name, bytes]) => [Buffer.from(`${name}\n`), bytes]))
}

/** What the export says of itself. */
export function metadataIn(files: ReadonlyMap<string, Buffer>): ExportMetadata {
  for (const [name, bytes] of files) {
    const text = bytes.toString()
    if (name.endsWith('.sql'))
      return JSON.parse(/^-- metadata: (.*)$/m.exec(text)?.[1] ?? '') as ExportMetadata
    if (name.endsWith('.ndjson')) return readMetadata(text.slice(0, text.indexOf('\n')))
    if (name.endsWith('.json')) return readMetadata(text)
  }
  throw new Error(`No metadata in ${[...files.keys()].join(', ')}`)
}

function readMetadata(text: string): ExportMetadata {
  return (JSON.parse(text) as { metadata: ExportMetadata }).metadata
}

async function unzip(bytes: Buffer): Promise<[string, Buffer][]> {
  const zip = await fromBufferPromise(bytes, { lazyEntries: true })
  const files: [string, Buffer][] = []
  for await (const entry of zip.eachEntry())
    files.push([entry.fileName, await buffer(await zip.openReadStreamPromise(entry))])
  return files
}

async function parquetText(bytes: Buffer): Promise<Buffer> {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer
  const rows = await parquetReadObjects({
    file,
    utf8: false,
    compressors: { ZSTD: part => new Uint8Array(zstdDecompressSync(part)) },
  })
  const text = JSON.stringify(rows, (_, value: unknown) => {
    if (typeof value === 'bigint') return String(value)
    return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value
  })
  return Buffer.from(text)
}
