/** Reading an object, going on where it broke off. */
import { createHash } from 'node:crypto'
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { BackupError, throwIfCancelled } from '../../../errors.ts'
import { Retries } from '../../retry.ts'
import { notFound, targetFailure, wrongSize } from '../../target-failure.ts'
import type { GetOptions } from '../../target.ts'
import { bareTag, type S3Access } from './access.ts'
import { problemOf } from './failure.ts'
import { SHA256_KEY } from './head.ts'

/**
 * The bytes, all of them or an error. Of a whole object that we put, they are hashed on their way: bytes that are not
 * those that were put end in `OBJECT_DAMAGED`, after the last of them.
 */
export async function* getObject(
  access: S3Access,
  key: string,
  { signal, onBytes, range }: GetOptions,
): AsyncIterable<Uint8Array> {
  if (range?.length === 0) return
  const from = range?.from ?? 0
  const retries = new Retries(access.options.retry)
  const hash = range === undefined ? createHash('sha256') : null
  let object: { readonly tag: string; readonly sha256: string | null; readonly end: number } | null = null
  let position = from
  for (;;) {
    throwIfCancelled(signal)
    try {
      const answer = await ask(access, key, { position, end: range && from + range.length, signal })
      const seen = describe(access, key, answer, { from, position, length: range?.length })
      object ??= seen
      if (seen.tag !== object.tag) throw replaced(access, key)
      for await (const chunk of answer.Body as AsyncIterable<Uint8Array>) {
        throwIfCancelled(signal)
        await access.options.spend(chunk.length, signal)
        position += chunk.length
        if (position > object.end) throw tooMuch(access, key)
        hash?.update(chunk)
        retries.succeeded()
        onBytes?.(position - from)
        yield chunk
      }
      if (position === object.end) break
      throw brokeOff(access, key)
    } catch (error) {
      await retries.failed(access.failure(error, `get ${key}`, signal), signal)
      // All had come; only its end was not told.
      if (position === object?.end) break
    }
  }
  if (hash !== null && object.sha256 !== null && hash.digest('hex') !== object.sha256)
    throw targetFailure(access.options.name, 'OBJECT_DAMAGED', `${key} is not what was put there`)
}

async function ask(
  access: S3Access,
  key: string,
  { position, end, signal }: { position: number; end: number | undefined; signal: AbortSignal },
): Promise<GetObjectCommandOutput> {
  const isWhole = position === 0 && end === undefined
  const Range = `bytes=${position}-${end === undefined ? '' : end - 1}`
  try {
    return await access.askOnce(
      `get ${key}`,
      (client, options) =>
        client.send(
          new GetObjectCommand({
            Bucket: access.options.bucket,
            Key: access.keyOf(key),
            ...(isWhole ? {} : { Range }),
          }),
          options,
        ),
      { signal, attemptSignal: signal },
    )
  } catch (error) {
    const { code, status } = problemOf(error instanceof BackupError ? error.cause : error)
    if (code === 'NoSuchKey') throw notFound(access.options.name, key)
    if (status === 416)
      throw wrongSize(access.options.name, key, { expected: end ?? position, got: position })
    throw error
  }
}

/** What is being read. Throws when the answer is not of the part that was asked for. */
function describe(
  access: S3Access,
  key: string,
  answer: GetObjectCommandOutput,
  { from, position, length }: { from: number; position: number; length: number | undefined },
): { readonly tag: string; readonly sha256: string | null; readonly end: number } {
  const tag = bareTag(answer.ETag)
  const sha256 = answer.Metadata?.[SHA256_KEY] ?? null
  const [, start = '0', total] = /^bytes (\d+)-\d+\/(\d+)$/.exec(answer.ContentRange ?? '') ?? []
  const sizeBytes = Number(total ?? answer.ContentLength ?? Number.NaN)
  if (Number.isNaN(sizeBytes) || Number(start) !== position) {
    throw targetFailure(access.options.name, 'TARGET_REFUSED', `it does not give a part of ${key}`, {
      hint: 'The server, or a proxy in front of it, does not know ranges (RFC 9110, 14). Ask whoever runs it.',
    })
  }
  const end = length === undefined ? sizeBytes : from + length
  if (end > sizeBytes) throw wrongSize(access.options.name, key, { expected: end, got: sizeBytes })
  return { tag, sha256, end }
}

function brokeOff(access: S3Access, key: string): BackupError {
  return targetFailure(access.options.name, 'TARGET_UNREACHABLE', `${key} broke off before its end`)
}

function replaced(access: S3Access, key: string): BackupError {
  return targetFailure(access.options.name, 'OBJECT_DAMAGED', `${key} was replaced while it was being read`, {
    hint: 'Read it again.',
  })
}

function tooMuch(access: S3Access, key: string): BackupError {
  return targetFailure(access.options.name, 'OBJECT_DAMAGED', `${key} has more bytes than it says`)
}
