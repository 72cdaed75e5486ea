/** What a bucket says of an object without its bytes. */
import {
  HeadBucketCommand,
  HeadObjectCommand,
  type HeadObjectCommandOutput,
  type S3Client,
} from '@aws-sdk/client-s3'
import { BackupError } from '../../../errors.ts'
import { bareTag, type S3Access } from './access.ts'
import { problemOf } from './failure.ts'

/** The names of our own metadata: `x-amz-meta-chame-sha256`. */
export const SHA256_KEY = 'chame-sha256'
/** Which write an object is of, so that one whose answer was lost is known again. */
export const WRITE_KEY = 'chame-write'

export interface ObjectHead {
  readonly sizeBytes: number
  readonly modified: string | null
  /** Without quotes. */
  readonly tag: string
  /** Null for an object that somebody else put there, or whose hash was not known before its end. */
  readonly sha256: string | null
  readonly write: string | null
  readonly lockedUntil: Date | null
  /** Whether what it replaces stays there beneath it. */
  readonly isVersion: boolean
}

/**
 * Null when nothing has the key.
 *
 * @param attemptSignal given: it is asked once, as a part of an attempt that is itself made again
 */
export async function headObject(
  access: S3Access,
  key: string,
  signal: AbortSignal,
  attemptSignal?: AbortSignal,
): Promise<ObjectHead | null> {
  const doing = `look for ${key}`
  const command = new HeadObjectCommand({ Bucket: access.options.bucket, Key: access.keyOf(key) })
  const send = (
    client: S3Client,
    options: { readonly abortSignal: AbortSignal },
  ): Promise<HeadObjectCommandOutput> => client.send(command, options)
  try {
    const head = await (attemptSignal === undefined
      ? access.ask(doing, send, { signal })
      : access.askOnce(doing, send, { signal, attemptSignal }))
    return {
      sizeBytes: head.ContentLength ?? 0,
      modified: head.LastModified?.toISOString() ?? null,
      tag: bareTag(head.ETag),
      sha256: head.Metadata?.[SHA256_KEY] ?? null,
      write: head.Metadata?.[WRITE_KEY] ?? null,
      lockedUntil: head.ObjectLockRetainUntilDate ?? null,
      isVersion: head.VersionId !== undefined && head.VersionId !== 'null',
    }
  } catch (error) {
    if (!(error instanceof BackupError) || problemOf(error.cause).status !== 404) throw error
  }
  await requireBucket(access, doing, signal)
  return null
}

/** An answer without a body does not say what is not there: the object, or the bucket. */
async function requireBucket(access: S3Access, doing: string, signal: AbortSignal): Promise<void> {
  try {
    await access.ask(
      doing,
      (client, options) => client.send(new HeadBucketCommand({ Bucket: access.options.bucket }), options),
      { signal },
    )
  } catch (error) {
    const status = error instanceof BackupError ? problemOf(error.cause).status : 0
    if (status === 404) throw access.failure(noBucket(), doing, signal)
    // A key that may not ask for the bucket may still be allowed its objects.
    if (status !== 403) throw error
  }
}

function noBucket(): Error {
  return Object.assign(new Error('no bucket'), { name: 'NoSuchBucket', $metadata: { httpStatusCode: 404 } })
}
