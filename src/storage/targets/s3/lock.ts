/** Locking what is put, where the configuration says so. */
import { PutObjectRetentionCommand } from '@aws-sdk/client-s3'
import type { S3Access } from './access.ts'
import { headObject } from './head.ts'

const DAY_MS = 86_400_000

/** What a request that makes an object says of its lock; nothing where none is configured. */
export function lockOf(
  access: S3Access,
): { ObjectLockMode: 'GOVERNANCE' | 'COMPLIANCE'; ObjectLockRetainUntilDate: Date } | Record<never, never> {
  const { objectLock } = access.options
  if (objectLock === null) return {}
  return { ObjectLockMode: objectLock.mode, ObjectLockRetainUntilDate: lockEnd(access, objectLock.days) }
}

/** Looks whether an object that was just put is locked, and locks it if not: Ceph 16 forgets it of what is put in parts. */
export async function requireLock(access: S3Access, key: string, signal: AbortSignal): Promise<void> {
  const { objectLock, bucket } = access.options
  if (objectLock === null) return
  const head = await headObject(access, key, signal)
  if (head === null || head.lockedUntil !== null) return
  await access.ask(
    `lock ${key}`,
    (client, options) =>
      client.send(
        new PutObjectRetentionCommand({
          Bucket: bucket,
          Key: access.keyOf(key),
          Retention: { Mode: objectLock.mode, RetainUntilDate: lockEnd(access, objectLock.days) },
        }),
        options,
      ),
    { signal },
  )
}

function lockEnd({ options: { now } }: S3Access, days: number): Date {
  return new Date(now().getTime() + days * DAY_MS)
}
