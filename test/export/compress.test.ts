import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { type Compression, compressionSuffix, compressor } from '../../src/storage/compress.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const CONTENT = Buffer.from('A line of an export, or another.\n'.repeat(100_000))

async function compressed(compression: Compression, level?: number): Promise<Buffer> {
  const through = compressor(compression, level === undefined ? {} : { level })
  return buffer(
    Readable.from([CONTENT.subarray(0, 7), CONTENT.subarray(7)]).pipe(through as NonNullable<typeof through>),
  )
}

test('nothing compresses when nothing is asked for', () => {
  expect(compressor(null)).toBeNull()
})

test.each([
  [null, ''],
  ['zstd', '.zst'],
  ['gzip', '.gz'],
] as const)('the name of a file compressed with %s ends in %j', (compression, suffix) => {
  expect(compressionSuffix(compression)).toBe(suffix)
})

test.each([
  ['zstd', undefined],
  ['zstd', 19],
  ['gzip', undefined],
  ['gzip', 1],
] as const)('%s at level %s gives back what went in', async (compression, level) => {
  const bytes = await compressed(compression, level)
  expect(bytes.length).toBeLessThan(CONTENT.length / 50)
  const back = compression === 'zstd' ? zstdDecompressSync(bytes) : gunzipSync(bytes)
  expect(back.equals(CONTENT)).toBe(true)
})

for (const compression of ['zstd', 'gzip'] as const) {
  testWith([compression], `the program ${compression} reads it`, async () => {
    const file = join(temporaryDirectory(), 'export.json')
    const packed = `${file}${compressionSuffix(compression)}`
    writeFileSync(packed, await compressed(compression))
    run(compression, ['-q', '-t', packed])
    run(compression, ['-q', '-d', packed])
    expect(readFileSync(file).equals(CONTENT)).toBe(true)
  })
}

test('a damaged zstd file is noticed by its checksum', async () => {
  const bytes = await compressed('zstd')
  const last = bytes.length - 1
  bytes[last] = (bytes[last] as number) ^ 1
  expect(() => zstdDecompressSync(bytes)).toThrow()
})
