/** A few bytes as an age file of their own: keys of other things. */
import type { Bytes } from '../bytes.ts'
import { type AgeKeys, type AgeRecipients, decryptFile, makeHeader, openHeader } from './header.ts'
import { encryptPayload } from './payload.ts'

export async function sealBytes(bytes: Uint8Array, to: AgeRecipients): Promise<Buffer> {
  const { header, fileKey } = await makeHeader(to)
  return Buffer.concat([header, await collect(encryptPayload(fileKey, inOnePiece(bytes)))])
}

/** Throws `NoKeyFits` or `Undecodable`. */
export function openBytes(file: Uint8Array, keys: AgeKeys): Promise<Buffer> {
  return collect(decryptFile(inOnePiece(file), header => openHeader(header, keys)))
}

async function* inOnePiece(bytes: Uint8Array): Bytes {
  yield bytes
}

/** Each piece is copied: it is written over when the next one is asked for. */
async function collect(bytes: Bytes): Promise<Buffer> {
  return Buffer.concat(await Array.fromAsync(bytes, piece => Buffer.from(piece)))
}
