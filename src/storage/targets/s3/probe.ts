/** Finding out what a bucket really does: names of products and versions do not tell. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  DeleteObjectCommand,
  GetObjectRetentionCommand,
  HeadBucketCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3'
import { BackupError, cancelled } from '../../../errors.ts'
import type { KindProbe } from '../../target-probe.ts'
import { digestsOf, S3Access, type S3TargetOptions } from './access.ts'
import { bodyOf, signedPut } from './body.ts'
import { problemOf } from './failure.ts'

type Options = { readonly signal: AbortSignal }

const RIGHT = Buffer.from('what is sent')
const WRONG = Buffer.from('what is said')
/** Long enough to try to delete it, short enough to wait for. */
const LOCK_MS = 4000

export class S3Probe implements KindProbe {
  readonly #access: S3Access

  constructor(options: S3TargetOptions) {
    this.#access = new S3Access(options)
  }

  async clockSkewMs({ signal }: Options): Promise<number | null> {
    const access = this.#access
    await access.ask(
      'look for the bucket',
      (client, options) => client.send(new HeadBucketCommand({ Bucket: access.options.bucket }), options),
      { signal },
    )
    return access.skewMs
  }

  async refusesWrongBytes(key: string, { signal }: Options): Promise<{ md5: boolean; sha256: boolean }> {
    const right = digestsOf(RIGHT)
    const wrong = digestsOf(WRONG)
    return {
      md5: await this.#isRefused(key, { md5: wrong.md5, sha256: right.sha256 }, signal),
      sha256: await this.#isRefused(key, { md5: right.md5, sha256: wrong.sha256 }, signal),
    }
  }

  async keepsLocked(key: string, { signal }: Options): Promise<'kept' | 'deleted' | 'not-locked'> {
    const access = this.#access
    const { bucket, now, objectLock, spend } = access.options
    const until = new Date(now().getTime() - (access.skewMs ?? 0) + LOCK_MS)
    const digests = digestsOf(RIGHT)
    const { VersionId } = await access.ask(
      `put ${key}`,
      (client, options) => {
        const command = new PutObjectCommand({
          Bucket: bucket,
          Key: access.keyOf(key),
          ObjectLockMode: objectLock?.mode ?? 'GOVERNANCE',
          ObjectLockRetainUntilDate: until,
          ...bodyOf(RIGHT, digests, { spend, signal }),
        })
        return client.send(signedPut(command, digests), options)
      },
      { signal },
    )
    const object = {
      Bucket: bucket,
      Key: access.keyOf(key),
      ...(VersionId === undefined ? {} : { VersionId }),
    }
    const isLocked = await this.#answers(signal, async (client, options) => {
      const { Retention } = await client.send(new GetObjectRetentionCommand(object), options)
      if (Retention?.RetainUntilDate === undefined) throw new Error('no lock')
    })
    const isDeleted = await this.#answers(signal, async (client, options) => {
      await client.send(new DeleteObjectCommand(object), options)
    })
    if (isDeleted) return isLocked ? 'deleted' : 'not-locked'
    await sleep(Math.max(0, until.getTime() - now().getTime()) + 1000, undefined, { signal }).catch(() => {
      throw cancelled()
    })
    await this.#answers(signal, async (client, options) => {
      await client.send(new DeleteObjectCommand(object), options)
    })
    return isLocked ? 'kept' : 'not-locked'
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#access.close()
  }

  async #isRefused(
    key: string,
    digests: { md5: string; sha256: string },
    signal: AbortSignal,
  ): Promise<boolean> {
    const access = this.#access
    try {
      await access.askOnce(
        `put ${key}`,
        (client, options) => {
          const body = bodyOf(RIGHT, digests, { spend: access.options.spend, signal })
          const command = new PutObjectCommand({
            Bucket: access.options.bucket,
            Key: access.keyOf(key),
            ...body,
          })
          return client.send(signedPut(command, digests), options)
        },
        { signal, attemptSignal: signal },
      )
      return false
    } catch (error) {
      const status = error instanceof BackupError ? problemOf(error.cause).status : 0
      if (status >= 400 && status < 500) return true
      throw error
    }
  }

  /** Whether it can be done: a refusal is an answer, a server that is gone is none. */
  async #answers(signal: AbortSignal, send: Parameters<S3Access['askOnce']>[1]): Promise<boolean> {
    try {
      await this.#access.ask('probe a lock', send, { signal })
      return true
    } catch (error) {
      if (error instanceof BackupError && error.code !== 'TARGET_REFUSED') throw error
      return false
    }
  }
}
