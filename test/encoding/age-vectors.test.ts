import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { brotliDecompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { decryptFile, NoKeyFits, openHeader } from '../../src/encoding/age/header.ts'
import { Undecodable } from '../../src/encoding/undecodable.ts'

interface Vector {
  readonly name: string
  readonly expect: 'success' | 'no match' | 'HMAC failure' | 'header failure' | 'payload failure'
  readonly payload?: string
  readonly identity: readonly string[]
  readonly passphrase: readonly string[]
  readonly file: string
}

const vectors = JSON.parse(
  brotliDecompressSync(readFileSync(new URL('age-vectors.json.br', import.meta.url))).toString(),
) as readonly Vector[]

/** In pieces of an odd size, so that no boundary in the file is one of a piece. */
async function* inPieces(bytes: Buffer): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 4093) yield bytes.subarray(at, at + 4093)
}

interface Outcome {
  readonly result: 'success' | 'no match' | 'header' | 'payload'
  /** All plaintext that was handed out, whatever came then. */
  readonly plain: Buffer
}

async function open({ file, identity, passphrase }: Vector): Promise<Outcome> {
  const plain: Uint8Array[] = []
  let isHeaderRead = false
  let result: Outcome['result'] = 'success'
  try {
    const keyOf = async (header: Uint8Array): Promise<Uint8Array> => {
      const fileKey = await openHeader(header, { identities: identity, passphrases: passphrase })
      isHeaderRead = true
      return fileKey
    }
    const pieces = decryptFile(inPieces(Buffer.from(file, 'base64')), keyOf)
    // Each is written over once the next is asked for.
    for await (const piece of pieces) plain.push(Buffer.from(piece))
  } catch (error) {
    if (error instanceof NoKeyFits) result = 'no match'
    else if (error instanceof Undecodable) result = isHeaderRead ? 'payload' : 'header'
    else throw error
  }
  return { result, plain: Buffer.concat(plain) }
}

const CHUNK_BYTES = 64 << 10

const RESULTS = {
  success: 'success',
  'no match': 'no match',
  'HMAC failure': 'header',
  'header failure': 'header',
  'payload failure': 'payload',
} as const

/** The library reads the nonce with the header; here it is the first of the payload. */
const WITHOUT_NONCE = ['stream_no_nonce', 'stream_short_nonce']

test('all of them are here', () => {
  expect(vectors.length).toBe(92)
})

test.each(vectors.map(vector => [vector.name, vector] as const))(
  'the published vector %s comes out as it says',
  async (name, vector) => {
    const { result, plain } = await open(vector)
    expect(result).toBe(WITHOUT_NONCE.includes(name) ? 'payload' : RESULTS[vector.expect])
    if (vector.payload === undefined) expect(plain.length).toBe(0)
    else if (result === 'success') expect(sha256(plain)).toBe(vector.payload)
    // The vectors allow that a last chunk is handed out before it turns out not to be the last; here it is not.
    else if (sha256(plain) !== vector.payload) expect(plain.length % CHUNK_BYTES).toBe(0)
  },
)

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex')
}
