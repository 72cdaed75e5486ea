/** Asking a bucket: one client, one way of signing, trying again, and telling what went wrong. */
import { createHash } from 'node:crypto'
import { S3Client } from '@aws-sdk/client-s3'
import { BackupError } from '../../../errors.ts'
import type { Spend } from '../../bandwidth.ts'
import { type RetryPorts, slowestMs, withRetry } from '../../retry.ts'
import { SourceFailed } from '../../source.ts'
import { s3Failure } from './failure.ts'

/** Everything the configuration says, with secrets read and defaults filled in. */
export interface S3TargetOptions {
  readonly name: string
  readonly bucket: string
  /** Ends with `/` unless it is empty. */
  readonly prefix: string
  readonly endpoint: string | undefined
  readonly region: string
  readonly pathStyle: boolean
  readonly credentials: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken: string | undefined
  }
  readonly objectLock: { readonly mode: 'GOVERNANCE' | 'COMPLIANCE'; readonly days: number } | null
  readonly partSizeBytes: number | null
  /** How many keys a page of a listing has; undefined: as many as the server likes. */
  readonly pageSize?: number | undefined
  /** Whether `If-None-Match` was seen to let one of several writers win, always. */
  readonly hasConditionalPut: boolean
  /** Whether a key, without the prefix, can only be of our making: others may use the bucket as well. */
  readonly isOurs: (key: string) => boolean
  readonly spend: Spend
  readonly retry: RetryPorts
  readonly now: () => Date
}

/** A host that takes longer to accept a connection is down, or in another network. */
const CONNECT_MS = 10_000
/** Dates in answers are of whole seconds, and an answer takes its time. */
const SKEW_MS = 5 * 60_000

type Send<T> = (client: S3Client, options: { readonly abortSignal: AbortSignal }) => Promise<T>
/** What has a body calls `moved` whenever some of it has gone. */
type SendBody<T> = (...given: [...Parameters<Send<T>>, moved: () => void]) => Promise<T>

export class S3Access {
  readonly options: S3TargetOptions
  readonly #client: S3Client
  /** The clock here less the server's; null until it has answered. */
  skewMs: number | null = null

  constructor(options: S3TargetOptions) {
    this.options = options
    const { region, endpoint, pathStyle, credentials, retry } = options
    const { idleMs } = retry.patience
    this.#client = new S3Client({
      region,
      ...(endpoint === undefined ? {} : { endpoint }),
      forcePathStyle: pathStyle,
      credentials: {
        accessKeyId: credentials.accessKeyId,
        secretAccessKey: credentials.secretAccessKey,
        ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
      },
      // The checksums that the SDK adds by itself are refused by some servers; ours are in the signature.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // Here, with one deadline for all tries.
      maxAttempts: 1,
      expectContinueHeader: false,
      requestHandler: { connectionTimeout: Math.min(CONNECT_MS, idleMs), socketTimeout: idleMs },
      logger: SILENT,
    })
    this.#client.middlewareStack.add(
      next => async args => {
        const result = await next(args)
        this.#noteDate((result.response as { headers?: Record<string, string> }).headers?.['date'])
        return result
      },
      { step: 'deserialize', priority: 'low', name: 'noteDate' },
    )
  }

  keyOf(key: string): string {
    return `${this.options.prefix}${key}`
  }

  /**
   * Asks until there is an answer, or there will be none.
   *
   * @param doing after "could not": "put daily/chame.db"
   * @param sizeBytes of the request's body, which takes its time
   */
  ask<T>(
    doing: string,
    send: SendBody<T>,
    { signal, sizeBytes = 0 }: { signal: AbortSignal; sizeBytes?: number },
  ): Promise<T> {
    return withRetry(
      (attemptSignal, moved) => {
        const once: Send<T> = (client, options) => send(client, options, moved)
        return this.askOnce(doing, once, { signal, attemptSignal })
      },
      { ports: this.options.retry, signal, extraMs: slowestMs(sizeBytes) },
    )
  }

  /** @param attemptSignal ends this attempt without the caller having given up */
  async askOnce<T>(
    doing: string,
    send: Send<T>,
    { signal, attemptSignal }: { signal: AbortSignal; attemptSignal: AbortSignal },
  ): Promise<T> {
    try {
      return await send(this.#client, { abortSignal: attemptSignal })
    } catch (error) {
      throw this.failure(error, doing, signal)
    }
  }

  failure(error: unknown, doing: string, signal: AbortSignal): Error {
    if (error instanceof BackupError || error instanceof SourceFailed) return error
    const skewMs = this.skewMs !== null && Math.abs(this.skewMs) > SKEW_MS ? this.skewMs : null
    return s3Failure(this.options.name, error, { doing, signal, skewMs })
  }

  close(): void {
    this.#client.destroy()
  }

  #noteDate(header: string | undefined): void {
    const at = header === undefined ? Number.NaN : Date.parse(header)
    if (!Number.isNaN(at)) this.skewMs = this.options.now().getTime() - at
  }
}

/** What the SDK warns of may quote a request. */
const SILENT = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

export interface Digests {
  /** Hex. */
  readonly sha256: string
  /** Hex: what most servers call an object's ETag. */
  readonly md5: string
}

export function digestsOf(bytes: Uint8Array): Digests {
  return {
    sha256: createHash('sha256').update(bytes).digest('hex'),
    md5: createHash('md5').update(bytes).digest('hex'),
  }
}

/** ETags come in quotes, from some servers without. */
export function bareTag(tag: string | undefined): string {
  return (tag ?? '').replaceAll('"', '')
}
