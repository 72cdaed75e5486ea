/** Uploads in parts that are under way, or were left behind by who was killed. */
import {
  AbortMultipartUploadCommand,
  CreateMultipartUploadCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
} from '@aws-sdk/client-s3'
import { BackupError } from '../../../errors.ts'
import { bareTag, type S3Access } from './access.ts'
import { problemOf } from './failure.ts'
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

export async function beginUpload(
  access: S3Access,
  key: string,
  { metadata, signal }: { metadata: Record<string, string>; signal: AbortSignal },
): Promise<Upload> {
  const fullKey = access.keyOf(key)
  const { UploadId: id } = await access.ask(
    `put ${key}`,
    (client, options) =>
      client.send(
        new CreateMultipartUploadCommand({
          Bucket: access.options.bucket,
          Key: fullKey,
          Metadata: metadata,
          ...lockOf(access),
        }),
        options,
      ),
    { signal },
  )
  if (id === undefined) throw access.failure(new Error('no upload'), `put ${key}`, signal)
  return { id, fullKey }
}

/**
 * The upload of a key to go on with, if there is one. All others of that key are aborted, and those of any key that were
 * abandoned long ago: parts cost money, and no listing of objects shows them.
 */
export async function takeOverUploads(
  access: S3Access,
  key: string,
  { mayResume, signal }: { mayResume: boolean; signal: AbortSignal },
): Promise<Upload | null> {
  const uploads = await findUploads(access, access.options.prefix, signal)
  const ours = uploads
    .filter(({ fullKey }) => fullKey === access.keyOf(key))
    .toSorted((a, b) => b.initiatedMs - a.initiatedMs)
  const resumed = mayResume ? (ours[0] ?? null) : null
  const nowMs = access.options.now().getTime() - (access.skewMs ?? 0)
  const abandoned = uploads.filter(
    upload => !ours.includes(upload) && nowMs - upload.initiatedMs > ABANDONED_MS,
  )
  for (const upload of [...ours, ...abandoned]) {
    if (upload !== resumed) await abortUpload(access, upload, signal)
  }
  return resumed
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

/** The parts that arrived, by number; null when there is no such upload any more. */
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
    if (isGone(error) || isRefused(error)) return null
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

function isRefused(error: unknown): boolean {
  return error instanceof BackupError && [403, 405, 501].includes(problemOf(error.cause).status)
}
