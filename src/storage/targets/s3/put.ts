/** Putting an object: what is smaller than one part in one request, all else in parts. */
import { randomUUID } from 'node:crypto'
import { PutObjectCommand } from '@aws-sdk/client-s3'
import { BackupError } from '../../../errors.ts'
import { slowestMs, withRetry } from '../../retry.ts'
import { SourceFailed } from '../../source.ts'
import { wrongSize } from '../../target-failure.ts'
import type { Content, TransferOptions } from '../../target.ts'
import { bareTag, digestsOf, type S3Access } from './access.ts'
import { bodyOf, signedPut } from './body.ts'
import { isUnclear, problemOf } from './failure.ts'
import { headObject, type ObjectHead, SHA256_KEY, WRITE_KEY } from './head.ts'
import { partSizeOf, partsOf } from './pieces.ts'
import { putInParts } from './put-in-parts.ts'
import { lockOf, requireLock } from './lock.ts'
import { isGone } from './uploads.ts'

/** After so many somebody else is aborting our uploads. */
const UPLOADS_MAX = 3

export async function putObject(
  access: S3Access,
  key: string,
  content: Content,
  options: TransferOptions,
): Promise<void> {
  const partBytes = partSizeOf(content.sizeBytes, access.options.partSizeBytes)
  let gone: unknown
  for (let uploads = 1; ; uploads++) {
    const parts = partsOf(content, partBytes)[Symbol.asyncIterator]()
    try {
      const first = await parts.next()
      const bytes: Uint8Array = first.done === true ? new Uint8Array() : first.value
      if (bytes.length < partBytes) {
        requireSize(access, key, content, bytes.length)
        await putWhole(access, key, bytes, options)
        return
      }
      // Only the first try goes on with what is there: what comes after found out that it is not to be trusted.
      const upload = { access, key, content, options, partBytes, mayResume: uploads === 1 }
      if (await putInParts(upload, bytes, { [Symbol.asyncIterator]: () => parts })) {
        await requireLock(access, key, options.signal)
        return
      }
      if (uploads >= UPLOADS_MAX) throw access.failure(notWhatWasPut(), `put ${key}`, options.signal)
    } catch (error) {
      // Content that can be read only once cannot be put again: what is told is why that was wanted.
      if (error instanceof SourceFailed) throw gone ?? error
      if (!isGone(error) || uploads >= UPLOADS_MAX) throw error
      gone = error
    } finally {
      await parts.return?.()
    }
  }
}

/** Puts it in one request. One whose answer was lost is looked for before it is sent again. */
async function putWhole(
  access: S3Access,
  key: string,
  bytes: Uint8Array,
  options: TransferOptions,
): Promise<void> {
  const { sha256 } = digestsOf(bytes)
  await retrying(access, bytes, options, async (attemptSignal, moved) => {
    try {
      await sendWhole(access, key, bytes, { options, attemptSignal, moved })
    } catch (error) {
      if (!isUnclear(error)) throw error
      // Where it cannot even be looked for, the failure to put it is what is told.
      const head = await headObject(access, key, options.signal, attemptSignal).catch(() => null)
      if (head === null || head.sizeBytes !== bytes.length || head.sha256 !== sha256) throw error
    }
  })
  await requireLock(access, key, options.signal)
  options.onBytes?.(bytes.length)
}

/**
 * Puts a small object unless the key is taken. Where the server was seen to decide that itself, however many ask at
 * once, it does; elsewhere the key is looked for before each try, and two at the same instant may both find it free.
 *
 * What has the key is known by a number of this call, not by its bytes: it is ours when the answer to an earlier try was
 * lost, or a proxy asked twice, and somebody else's though it says the same.
 */
export async function putObjectIfAbsent(
  access: S3Access,
  key: string,
  bytes: Uint8Array,
  options: TransferOptions,
): Promise<boolean> {
  const { hasConditionalPut } = access.options
  const write = randomUUID()
  const isPut = await retrying(access, bytes, options, async (attemptSignal, moved) => {
    const look = (): Promise<ObjectHead | null> => headObject(access, key, options.signal, attemptSignal)
    const there = hasConditionalPut ? null : await look()
    if (there !== null) return there.write === write
    try {
      const order = { options, attemptSignal, moved, write, unlessTaken: hasConditionalPut }
      await sendWhole(access, key, bytes, order)
      return true
    } catch (error) {
      if (isTaken(error)) return (await look())?.write === write
      throw error
    }
  })
  if (!isPut) return false
  await requireLock(access, key, options.signal)
  options.onBytes?.(bytes.length)
  return true
}

function retrying<T>(
  access: S3Access,
  bytes: Uint8Array,
  { signal }: TransferOptions,
  attempt: (attemptSignal: AbortSignal, moved: () => void) => Promise<T>,
): Promise<T> {
  return withRetry(attempt, { ports: access.options.retry, signal, extraMs: slowestMs(bytes.length) })
}

async function sendWhole(
  access: S3Access,
  key: string,
  bytes: Uint8Array,
  {
    options: { signal },
    attemptSignal,
    moved,
    write,
    unlessTaken = false,
  }: {
    options: TransferOptions
    attemptSignal: AbortSignal
    moved: () => void
    write?: string
    unlessTaken?: boolean
  },
): Promise<void> {
  const digests = digestsOf(bytes)
  const doing = `put ${key}`
  const command = new PutObjectCommand({
    Bucket: access.options.bucket,
    Key: access.keyOf(key),
    Metadata: { [SHA256_KEY]: digests.sha256, ...(write === undefined ? {} : { [WRITE_KEY]: write }) },
    ...bodyOf(bytes, digests, { spend: access.options.spend, signal: attemptSignal, moved }),
    ...lockOf(access),
    ...(unlessTaken ? { IfNoneMatch: '*' } : {}),
  })
  const answer = await access.askOnce(
    doing,
    (client, abort) => client.send(signedPut(command, digests), abort),
    { signal, attemptSignal },
  )
  // An error in the body of an answer that says 200: what was stored has a tag.
  if (bareTag(answer.ETag) === '') throw access.failure(notWhatWasPut(), doing, signal)
}

function isTaken(error: unknown): boolean {
  return error instanceof BackupError && problemOf(error.cause).status === 412
}

function requireSize(access: S3Access, key: string, { sizeBytes }: Content, got: number): void {
  if (sizeBytes !== null && sizeBytes !== got)
    throw wrongSize(access.options.name, key, { expected: sizeBytes, got })
}

/** The answer was fine, and nothing, or something else, is there. */
function notWhatWasPut(): Error {
  return Object.assign(new Error('not what was put'), { $metadata: { httpStatusCode: 200 } })
}
