/** Uploads in parts that are under way, or were left behind by who was killed. */
import { createHash } from 'node:crypto'
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
} from '@aws-sdk/client-s3'
import { BackupError } from '../../../errors.ts'
import { bareTag, type S3Access } from './access.ts'
import { problemOf } from './failure.ts'
import { headObject } from './head.ts'
import { lockOf } from './lock.ts'

export interface Upload {
  readonly id: string
  /** With the target's prefix. */
  readonly fullKey: string
}

export interface StoredPart {
  readonly sizeBytes: number
  /** Without quotes. */
  readonly tag: string
}

interface FoundUpload extends Upload {
  readonly initiatedMs: number
}

/** An upload that nobody went on with for so long is nobody's. */
const ABANDONED_MS = 7 * 24 * 3_600_000

/** Asks once: what was begun by a request whose answer is lost has to go before it is asked again. */
export async function beginUpload(
  access: S3Access,
  key: string,
  order: { metadata: Record<string, string>; signal: AbortSignal; attemptSignal: AbortSignal },
): Promise<Upload> {
  const fullKey = access.keyOf(key)
  const command = new CreateMultipartUploadCommand({
    Bucket: access.options.bucket,
    Key: fullKey,
    Metadata: order.metadata,
    ...lockOf(access),
  })
  const { UploadId: id } = await access.askOnce(
    `put ${key}`,
    (client, options) => client.send(command, options),
    order,
  )
  if (id === undefined) throw access.failure(new Error('no upload'), `put ${key}`, order.signal)
  return { id, fullKey }
}

/** What is under way for a key that is about to be put. */
export interface FoundUploads {
  /** To go on with. */
  readonly resumed: Upload | null
  /** The object that has the key was made of these: they may be aborted once another has replaced it. */
  readonly spent: readonly Upload[]
}

/**
 * The upload of a key to go on with, if there is one. All others of that key are aborted, and those of any key of ours that
 * were abandoned long ago: parts cost money, and no listing of objects shows them.
 *
 * But for those that are complete and still there, as when a server was killed in between: Ceph 16 deletes the parts of an
 * upload that is aborted even though they are an object's by then, and those of one that is completed twice.
 */
export async function takeOverUploads(
  access: S3Access,
  key: string,
  { mayResume, signal }: { mayResume: boolean; signal: AbortSignal },
): Promise<FoundUploads> {
  const fullKey = access.keyOf(key)
  const uploads = await findUploads(access, access.options.prefix, signal)
  const ofKey = uploads
    .filter(upload => upload.fullKey === fullKey)
    .toSorted((a, b) => b.initiatedMs - a.initiatedMs)
  const nowMs = access.options.now().getTime() - (access.skewMs ?? 0)
  const { prefix, isOurs } = access.options
  const abandoned = uploads.filter(
    upload =>
      upload.fullKey !== fullKey &&
      nowMs - upload.initiatedMs > ABANDONED_MS &&
      isOurs(upload.fullKey.slice(prefix.length)),
  )
  const spent: Upload[] = []
  let resumed: Upload | null = null
  for (const upload of [...ofKey, ...abandoned]) {
    const isOfKey = upload.fullKey === fullKey
    const use = await useOf(access, upload, signal)
    if (use === 'free') {
      if (isOfKey && mayResume && resumed === null) resumed = upload
      else await abortUpload(access, upload, signal)
    } else if (use === 'spent' && isOfKey) spent.push(upload)
  }
  return { resumed, spent }
}

/**
 * Whether the object that has an upload's key is made of its parts: `spent`. It is `kept` where no other object takes
 * their place, as in a bucket with versions, or where nobody can tell.
 */
async function useOf(
  access: S3Access,
  upload: Upload,
  signal: AbortSignal,
): Promise<'free' | 'spent' | 'kept'> {
  try {
    const head = await headObject(access, upload.fullKey.slice(access.options.prefix.length), signal)
    if (head === null) return 'free'
    const parts = await partsOfUpload(access, upload, signal)
    const tags = [...(parts ?? [])].toSorted(([a], [b]) => a - b).map(([, { tag }]) => tag)
    if (head.tag !== tagOfParts(tags)) return 'free'
    return head.isVersion ? 'kept' : 'spent'
  } catch (error) {
    if (isRefused(error)) return 'kept'
    throw error
  }
}

/** How servers make the tag of an object of those of its parts. */
export function tagOfParts(tags: readonly string[]): string {
  const hash = createHash('md5')
  for (const tag of tags) hash.update(Buffer.from(tag, 'hex'))
  return `${hash.digest('hex')}-${tags.length}`
}

/** None where the server, or this key, cannot tell. */
async function findUploads(access: S3Access, prefix: string, signal: AbortSignal): Promise<FoundUpload[]> {
  const found: FoundUpload[] = []
  let marker: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {}
  try {
    for (;;) {
      const page = await access.ask(
        'list uploads',
        (client, options) =>
          client.send(
            new ListMultipartUploadsCommand({ Bucket: access.options.bucket, Prefix: prefix, ...marker }),
            options,
          ),
        { signal },
      )
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key !== undefined && UploadId !== undefined)
          found.push({ id: UploadId, fullKey: Key, initiatedMs: Initiated?.getTime() ?? 0 })
      }
      const { IsTruncated, NextKeyMarker, NextUploadIdMarker } = page
      if (IsTruncated !== true || NextKeyMarker === marker.KeyMarker) return found
      marker = { KeyMarker: NextKeyMarker, UploadIdMarker: NextUploadIdMarker }
    }
  } catch (error) {
    if (isRefused(error)) return found
    throw error
  }
}

/** The parts that arrived, by number; null when there is no such upload any more. Ceph says then that there is no such key. */
export async function partsOfUpload(
  access: S3Access,
  { id, fullKey }: Upload,
  signal: AbortSignal,
): Promise<Map<number, StoredPart> | null> {
  const parts = new Map<number, StoredPart>()
  let marker: string | undefined
  try {
    for (;;) {
      const page = await access.ask(
        'list parts',
        (client, options) =>
          client.send(
            new ListPartsCommand({
              Bucket: access.options.bucket,
              Key: fullKey,
              UploadId: id,
              ...(marker === undefined ? {} : { PartNumberMarker: marker }),
            }),
            options,
          ),
        { signal },
      )
      for (const { PartNumber, Size, ETag } of page.Parts ?? []) {
        if (PartNumber !== undefined) parts.set(PartNumber, { sizeBytes: Size ?? -1, tag: bareTag(ETag) })
      }
      if (page.IsTruncated !== true || page.NextPartNumberMarker === marker) return parts
      marker = page.NextPartNumberMarker
    }
  } catch (error) {
    if (isGone(error) || (error instanceof BackupError && problemOf(error.cause).code === 'NoSuchKey'))
      return null
    throw error
  }
}

/** What is not there any more is fine; so is one that this key may not abort. */
export async function abortUpload(
  access: S3Access,
  { id, fullKey }: Upload,
  signal: AbortSignal,
): Promise<void> {
  try {
    await access.ask(
      'abort an upload',
      (client, options) =>
        client.send(
          new AbortMultipartUploadCommand({ Bucket: access.options.bucket, Key: fullKey, UploadId: id }),
          options,
        ),
      { signal },
    )
  } catch (error) {
    if (!isGone(error) && !isRefused(error)) throw error
  }
}

/** Whether the upload is not there: it was completed, or aborted. */
export function isGone(error: unknown): boolean {
  return error instanceof BackupError && problemOf(error.cause).code === 'NoSuchUpload'
}

/** Whether the server, or this key, cannot do that. */
export function isRefused(error: unknown): boolean {
  return error instanceof BackupError && [403, 405, 501].includes(problemOf(error.cause).status)
}
