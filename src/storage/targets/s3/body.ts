/** Sending bytes so that the server can tell whether they arrived: their hashes are in the request and in its signature. */
import { Readable } from 'node:stream'
import type { PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import type { Spend } from '../../bandwidth.ts'
import type { Digests } from './access.ts'

/** A limit is kept by the second, not by the part. */
const CHUNK_BYTES = 16 << 10

interface Sending {
  readonly spend: Spend
  readonly signal: AbortSignal
  /** Called whenever some of them have gone. */
  readonly moved?: () => void
}

/** What a command with a body needs: the bytes at the pace that is allowed, and how many there are. */
export function bodyOf(
  bytes: Uint8Array,
  { md5 }: Digests,
  sending: Sending,
): { Body: Readable; ContentLength: number; ContentMD5: string } {
  const body = Readable.from(paced(bytes, sending), { objectMode: false })
  // Cancelled while it waits: the request ends by the same signal, and nobody else listens.
  body.on('error', () => {})
  return { Body: body, ContentLength: bytes.length, ContentMD5: Buffer.from(md5, 'hex').toString('base64') }
}

/** Has the body's hash signed, which the SDK cannot compute of a stream. */
export function signedPut(command: PutObjectCommand, { sha256 }: Digests): PutObjectCommand {
  command.middlewareStack.add(hashInHeader(sha256), { step: 'build', name: 'hashInHeader' })
  return command
}

/** The same for a part. */
export function signedPart(command: UploadPartCommand, { sha256 }: Digests): UploadPartCommand {
  command.middlewareStack.add(hashInHeader(sha256), { step: 'build', name: 'hashInHeader' })
  return command
}

function hashInHeader(sha256: string) {
  return <Args extends { request: unknown }, Answer>(next: (args: Args) => Answer) =>
    (args: Args): Answer => {
      const request = args.request as { headers: Record<string, string> }
      request.headers['x-amz-content-sha256'] = sha256
      return next(args)
    }
}

async function* paced(
  bytes: Uint8Array,
  { spend, signal, moved = () => {} }: Sending,
): AsyncIterable<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
    const chunk = bytes.subarray(at, at + CHUNK_BYTES)
    await spend(chunk.length, signal)
    yield chunk
    moved()
  }
}
