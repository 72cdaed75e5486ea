/** A bucket as a target. */
import { DeleteObjectCommand, ListObjectsV2Command } from '@aws-sdk/client-s3'
import { BackupError } from '../../../errors.ts'
import { targetFailure } from '../../target-failure.ts'
import type { Content, GetOptions, StoredObject, Target, TransferOptions } from '../../target.ts'
import { S3Access, type S3TargetOptions } from './access.ts'
import { problemOf } from './failure.ts'
import { getObject } from './get.ts'
import { headObject } from './head.ts'
import { putObject, putObjectIfAbsent } from './put.ts'

export function openS3Target(options: S3TargetOptions): S3Target {
  return new S3Target(options)
}

export class S3Target implements Target {
  readonly kind = 's3'
  readonly name: string
  readonly #access: S3Access

  constructor(options: S3TargetOptions) {
    this.name = options.name
    this.#access = new S3Access(options)
  }

  put(key: string, content: Content, options: TransferOptions): Promise<void> {
    return putObject(this.#access, key, content, options)
  }

  putIfAbsent(key: string, bytes: Uint8Array, options: TransferOptions): Promise<boolean> {
    return putObjectIfAbsent(this.#access, key, bytes, options)
  }

  get(key: string, options: GetOptions): AsyncIterable<Uint8Array> {
    return getObject(this.#access, key, options)
  }

  async head(key: string, { signal }: { readonly signal: AbortSignal }): Promise<StoredObject | null> {
    const head = await headObject(this.#access, key, signal)
    return head === null ? null : { key, sizeBytes: head.sizeBytes, modified: head.modified }
  }

  async *list(prefix: string, { signal }: { readonly signal: AbortSignal }): AsyncIterable<StoredObject> {
    const access = this.#access
    const { bucket, prefix: root, pageSize } = access.options
    let token: string | undefined
    do {
      const page = await access.ask(
        'list objects',
        (client, options) =>
          client.send(
            new ListObjectsV2Command({
              Bucket: bucket,
              Prefix: access.keyOf(prefix),
              // Names that others gave may hold what no XML can.
              EncodingType: 'url',
              ...(pageSize === undefined ? {} : { MaxKeys: pageSize }),
              ...(token === undefined ? {} : { ContinuationToken: token }),
            }),
            options,
          ),
        { signal },
      )
      for (const { Key, Size, LastModified } of page.Contents ?? []) {
        const key = decoded(Key ?? '')
        if (key?.startsWith(root) !== true) continue
        yield {
          key: key.slice(root.length),
          sizeBytes: Size ?? 0,
          modified: LastModified?.toISOString() ?? null,
        }
      }
      const next = page.IsTruncated === true ? page.NextContinuationToken : undefined
      if (page.IsTruncated === true && (next === undefined || next === token)) throw this.#stuck()
      token = next
    } while (token !== undefined)
  }

  async delete(key: string, { signal }: { readonly signal: AbortSignal }): Promise<void> {
    const access = this.#access
    const { bucket, objectLock, now } = access.options
    if (objectLock !== null) {
      // A bucket with versions hides a locked object behind a marker, and says that it is deleted.
      const head = await headObject(access, key, signal)
      if (head === null) return
      if (head.lockedUntil !== null && head.lockedUntil > now()) throw this.#locked(key, head.lockedUntil)
    }
    try {
      await access.ask(
        `delete ${key}`,
        (client, options) =>
          client.send(new DeleteObjectCommand({ Bucket: bucket, Key: access.keyOf(key) }), options),
        { signal },
      )
    } catch (error) {
      if (error instanceof BackupError && isDenied(error)) throw this.#mayNotDelete(key, error)
      throw error
    }
  }

  /** No bucket tells. */
  async freeBytes(): Promise<null> {
    return null
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#access.close()
  }

  #locked(key: string, until: Date): BackupError {
    return targetFailure(this.name, 'OBJECT_LOCKED', `${key} is locked until ${until.toISOString()}`)
  }

  #mayNotDelete(key: string, { cause }: BackupError): BackupError {
    return targetFailure(this.name, 'OBJECT_LOCKED', `${key} may not be deleted with this key`, {
      hint: 'If it is meant to be append-only, say appendOnly in the configuration; else give the key the right to delete.',
      cause,
    })
  }

  #stuck(): BackupError {
    return targetFailure(this.name, 'TARGET_REFUSED', 'its listing does not go on after a page', {
      hint: 'The server does not list more than one page of objects. Ask whoever runs it.',
    })
  }
}

function isDenied({ cause }: BackupError): boolean {
  const { code, status } = problemOf(cause)
  return status === 403 && code !== 'RequestTimeTooSkewed' && !CREDENTIAL_CODES.has(code)
}

/** Refusals that are about who asks, not about what is asked. */
const CREDENTIAL_CODES: ReadonlySet<string> = new Set([
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'ExpiredToken',
  'InvalidToken',
  'RequestExpired',
])

function decoded(key: string): string | null {
  try {
    return decodeURIComponent(key.replaceAll('+', ' '))
  } catch {
    return null
  }
}
