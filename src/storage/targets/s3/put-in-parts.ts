/**
 * Putting a large object in parts, several at once. Our own rather than lib-storage's upload: that one cannot go on
 * with the upload of a process that was killed.
 */
import { CompleteMultipartUploadCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import type { BackupError } from '../../../errors.ts'
import { withRetry } from '../../retry.ts'
import { targetFailure, wrongSize } from '../../target-failure.ts'
import type { Content, TransferOptions } from '../../target.ts'
import { bareTag, digestsOf, type S3Access } from './access.ts'
import { bodyOf, signedPart } from './body.ts'
import { headObject, type ObjectHead, SHA256_KEY } from './head.ts'
import { PARTS_MAX } from './pieces.ts'
import { isUnclear } from './failure.ts'
import {
  abortUpload,
  beginUpload,
  isGone,
  isRefused,
  partsOfUpload,
  type StoredPart,
  tagOfParts,
  takeOverUploads,
  type Upload,
} from './uploads.ts'

/** Enough to fill a line whose answers take their time; each holds its part in memory. */
const PARTS_AT_ONCE = 3

export interface PartedPut {
  readonly access: S3Access
  readonly key: string
  readonly content: Content
  readonly options: TransferOptions
  readonly partBytes: number
  /** Go on with an upload of this key that is there. */
  readonly mayResume: boolean
}

interface SentParts {
  /** By number less one. */
  readonly tags: string[]
  count: number
  sizeBytes: number
}

/**
 * Puts `first` and the parts after it; false when it is to be put anew: what is there now turned out to be something else,
 * as an upload that was resumed was of other content, or it is there and cannot be told from the upload any more.
 *
 * What fails is left to be resumed where that is possible, and aborted where it is not.
 */
export async function putInParts(
  put: PartedPut,
  first: Uint8Array,
  rest: AsyncIterable<Uint8Array>,
): Promise<boolean> {
  const { access, key, content, options } = put
  const { upload, stored, spent } = await findOrBegin(put, first)
  try {
    const sent = await sendParts(put, { upload, stored }, prepend(first, rest))
    if (content.sizeBytes !== null && sent.sizeBytes !== content.sizeBytes) {
      await abortUpload(access, upload, options.signal)
      throw wrongSize(access.options.name, key, { expected: content.sizeBytes, got: sent.sizeBytes })
    }
    if (!(await complete(put, upload, sent)) || (await findStored(put, sent)) === null) return false
    for (const other of spent) await abortUpload(access, other, options.signal)
    return true
  } catch (error) {
    // Not with the caller's signal: cancelled, it must still be cleaned up.
    if (!isResumable(content))
      await abortUpload(access, upload, AbortSignal.timeout(ABORT_MS)).catch(() => {})
    throw error
  }
}

/** What cannot be aborted by then is aborted by the next put. */
const ABORT_MS = 10_000

/** Only content that is known beforehand can be told to be the same. */
function isResumable({ sizeBytes, sha256 }: Content): boolean {
  return sizeBytes !== null && sha256 !== null
}

async function findOrBegin(
  { access, key, content, options: { signal }, mayResume }: PartedPut,
  first: Uint8Array,
): Promise<{ upload: Upload; stored: ReadonlyMap<number, StoredPart>; spent: readonly Upload[] }> {
  const may = { mayResume: mayResume && isResumable(content), signal }
  const { resumed, spent } = await takeOverUploads(access, key, may)
  if (resumed !== null) {
    const stored = await findParts(access, resumed, signal)
    if (stored instanceof Map && isPart(stored.get(1), first)) return { upload: resumed, stored, spent }
    await abortUpload(access, resumed, signal)
  }
  const metadata: Record<string, string> = content.sha256 === null ? {} : { [SHA256_KEY]: content.sha256 }
  let isUnsure = false
  const upload = await withRetry(
    async attemptSignal => {
      // One whose answer was lost may have begun, and nobody will ever know its number but by a look.
      if (isUnsure) await takeOverUploads(access, key, { mayResume: false, signal })
      try {
        return await beginUpload(access, key, { metadata, signal, attemptSignal })
      } catch (error) {
        isUnsure ||= isUnclear(error)
        throw error
      }
    },
    { ports: access.options.retry, signal },
  )
  return { upload, stored: new Map(), spent }
}

/** Null when the upload is gone, undefined where nobody can tell. */
async function findParts(
  access: S3Access,
  upload: Upload,
  signal: AbortSignal,
): Promise<Map<number, StoredPart> | null | undefined> {
  try {
    return await partsOfUpload(access, upload, signal)
  } catch (error) {
    if (isRefused(error)) return undefined
    throw error
  }
}

function isPart(stored: StoredPart | undefined, bytes: Uint8Array): boolean {
  return stored !== undefined && stored.sizeBytes === bytes.length && stored.tag === digestsOf(bytes).md5
}

async function sendParts(
  put: PartedPut,
  { upload, stored }: { upload: Upload; stored: ReadonlyMap<number, StoredPart> },
  parts: AsyncIterable<Uint8Array>,
): Promise<SentParts> {
  const sent: SentParts = { tags: [], count: 0, sizeBytes: 0 }
  const stop = new AbortController()
  const signal = AbortSignal.any([put.options.signal, stop.signal])
  const sending = new Set<Promise<void>>()
  let failure: { readonly error: unknown } | null = null
  const fail = (error: unknown): void => {
    failure ??= { error }
    stop.abort()
  }
  let arrived = 0
  try {
    for await (const bytes of parts) {
      if (failure !== null) break
      const number = ++sent.count
      if (number > PARTS_MAX) throw tooLarge(put)
      const digests = digestsOf(bytes)
      sent.sizeBytes += bytes.length
      const send = async (): Promise<void> => {
        const there = stored.get(number)
        const isThere = there?.sizeBytes === bytes.length && there.tag === digests.md5
        sent.tags[number - 1] = isThere
          ? there.tag
          : await sendPart(put.access, { upload, number, bytes, digests, doing: `put ${put.key}`, signal })
        arrived += bytes.length
        put.options.onBytes?.(arrived)
      }
      const one = send()
        .catch(fail)
        .finally(() => sending.delete(one))
      sending.add(one)
      if (sending.size >= PARTS_AT_ONCE) await Promise.race(sending)
    }
  } catch (error) {
    fail(error)
  }
  await Promise.all(sending)
  if (failure !== null) throw (failure as { error: unknown }).error
  return sent
}

/** Returns the part's tag. */
async function sendPart(
  access: S3Access,
  {
    upload,
    number,
    bytes,
    digests,
    doing,
    signal,
  }: {
    upload: Upload
    number: number
    bytes: Uint8Array
    digests: ReturnType<typeof digestsOf>
    doing: string
    signal: AbortSignal
  },
): Promise<string> {
  const { ETag } = await access.ask(
    doing,
    (client, { abortSignal }, moved) =>
      client.send(
        signedPart(
          new UploadPartCommand({
            Bucket: access.options.bucket,
            Key: upload.fullKey,
            UploadId: upload.id,
            PartNumber: number,
            ...bodyOf(bytes, digests, { spend: access.options.spend, signal: abortSignal, moved }),
          }),
          digests,
        ),
        { abortSignal },
      ),
    { signal, sizeBytes: bytes.length },
  )
  return bareTag(ETag)
}

/**
 * Makes the object of its parts. Where the answer is lost it is looked for, before it is asked for again.
 *
 * False when it is there and the upload as well, as after a server was killed in between. Neither may be touched then (see
 * `takeOverUploads`); once the same is put anew, the upload can go. What can be read only once stays as it is, and so does
 * what would only be hidden by another version.
 */
async function complete(put: PartedPut, upload: Upload, sent: SentParts): Promise<boolean> {
  const { access, key, content, options } = put
  const command = new CompleteMultipartUploadCommand({
    Bucket: access.options.bucket,
    Key: upload.fullKey,
    UploadId: upload.id,
    MultipartUpload: {
      Parts: sent.tags.map((tag, index) => ({ ETag: `"${tag}"`, PartNumber: index + 1 })),
    },
  })
  return await withRetry(
    async attemptSignal => {
      try {
        await access.askOnce(`put ${key}`, (client, abort) => client.send(command, abort), {
          signal: options.signal,
          attemptSignal,
        })
        return true
      } catch (error) {
        if (!isUnclear(error) && !isGone(error)) throw error
        const stored = await findStored(put, sent, attemptSignal)
        const parts = await findParts(access, upload, options.signal)
        // Of an upload that somebody aborted Ceph says that it has a problem of its own.
        if (stored === null)
          throw parts === null ? access.failure(noUpload(), `put ${key}`, options.signal) : error
        return !(parts instanceof Map) || stored.isVersion || !isResumable(content)
      }
    },
    { ports: access.options.retry, signal: options.signal },
  )
}

/** What has the key if it is what was put: by our own hash where it was known before, else by the hash of the parts' hashes. */
async function findStored(
  { access, key, content, options }: PartedPut,
  sent: SentParts,
  attemptSignal?: AbortSignal,
): Promise<ObjectHead | null> {
  const head = await headObject(access, key, options.signal, attemptSignal)
  if (head === null || head.sizeBytes !== sent.sizeBytes) return null
  const isSame =
    content.sha256 === null
      ? head.sha256 === null && head.tag === tagOfParts(sent.tags)
      : head.sha256 === content.sha256
  return isSame ? head : null
}

function noUpload(): Error {
  return Object.assign(new Error('no upload'), { name: 'NoSuchUpload', $metadata: { httpStatusCode: 404 } })
}

function tooLarge({ access, key, partBytes }: PartedPut): BackupError {
  return targetFailure(
    access.options.name,
    'TARGET_REFUSED',
    `${key} needs more than ${PARTS_MAX} parts of ${partBytes} bytes`,
    { hint: 'Set a larger partSize in the configuration of the target.' },
  )
}

async function* prepend(first: Uint8Array, rest: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield first
  yield* rest
}
