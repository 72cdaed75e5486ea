/** What holds for every kind of target, in front of each: the grammar of keys, append-only. */
import { BackupError, throwIfCancelled } from '../errors.ts'
import { isKey, requireKey, requireKeyPrefix } from './keys.ts'
import { markFailures, SourceFailed } from './source.ts'
import { targetFailure } from './target-failure.ts'
import type { Target } from './target.ts'

export interface GuardRules {
  /** Nothing is deleted, whatever the credentials allow. */
  readonly appendOnly: boolean
}

/** A target that takes only keys, lists only keys, and refuses to delete where it is append-only. */
export function withGuard(target: Target, { appendOnly }: GuardRules): Target {
  return {
    name: target.name,
    kind: target.kind,
    async put(key, content, options) {
      requireKey(key)
      throwIfCancelled(options.signal)
      const changed = (): Error => changedContent(target.name, key)
      await unwrapped(target.put(key, markFailures(content, changed), options))
    },
    async putIfAbsent(key, bytes, options) {
      requireKey(key)
      throwIfCancelled(options.signal)
      return target.putIfAbsent(key, bytes, options)
    },
    async *get(key, options) {
      requireKey(key)
      throwIfCancelled(options.signal)
      yield* target.get(key, options)
    },
    async head(key, options) {
      requireKey(key)
      throwIfCancelled(options.signal)
      return target.head(key, options)
    },
    async *list(prefix, options) {
      requireKeyPrefix(prefix)
      throwIfCancelled(options.signal)
      // What others put there, or a hostile server makes up, is not ours and must not become a path of ours.
      for await (const object of target.list(prefix, options)) {
        if (isKey(object.key) && object.key.startsWith(prefix)) yield object
      }
    },
    async delete(key, options) {
      requireKey(key)
      throwIfCancelled(options.signal)
      if (appendOnly) throw appendOnlyTarget(target.name, key)
      await target.delete(key, options)
    },
    freeBytes(options) {
      return target.freeBytes(options)
    },
    [Symbol.asyncDispose]() {
      return target[Symbol.asyncDispose]()
    },
  }
}

function changedContent(name: string, key: string): BackupError {
  return targetFailure(
    name,
    'OBJECT_DAMAGED',
    `what was to become ${key} is not what it should be; nothing was put`,
    {
      hint: 'The file changed while it was read, or is damaged: verify it.',
    },
  )
}

async function unwrapped(work: Promise<void>): Promise<void> {
  try {
    await work
  } catch (error) {
    throw error instanceof SourceFailed ? error.cause : error
  }
}

function appendOnlyTarget(name: string, key: string): BackupError {
  return new BackupError('OBJECT_LOCKED', `The target ${name} is append-only: ${key} was not deleted`, {
    hint: 'Delete it there by other means, or take appendOnly out of the configuration.',
  })
}
