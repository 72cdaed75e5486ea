/** The errors of targets: always with the target's name, never with what a library says, which may quote a secret. */
import { BackupError, type ErrorCode } from '../errors.ts'

export type TargetErrorCode = Extract<
  ErrorCode,
  | 'OBJECT_NOT_FOUND'
  | 'TARGET_UNREACHABLE'
  | 'TARGET_REFUSED'
  | 'TARGET_FULL'
  | 'OBJECT_LOCKED'
  | 'OBJECT_DAMAGED'
>

export interface TargetFailureDetails {
  /** What the user can do next. Default: what mostly helps with that code */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

const HINTS: Readonly<Record<TargetErrorCode, string>> = {
  OBJECT_NOT_FOUND: 'List what is there: it may have been deleted, or stored under another prefix.',
  TARGET_UNREACHABLE: 'Check that it is up and that this machine may connect to it, then try again.',
  TARGET_REFUSED:
    'Check its credentials and rights in the configuration, then run: chame-backup target check',
  TARGET_FULL: 'Free some space there, or ask for a larger quota.',
  OBJECT_LOCKED: 'It can be deleted once its lock has run out, by somebody who may.',
  OBJECT_DAMAGED: 'Use another copy of it. Nothing was overwritten with this one.',
}

/** @param what one sentence without a full stop, after the target's name: "the bucket is not there" */
export function targetFailure(
  name: string,
  code: TargetErrorCode,
  what: string,
  { hint, cause }: TargetFailureDetails = {},
): BackupError {
  return new BackupError(code, `Target ${name}: ${what}`, {
    hint: hint ?? HINTS[code],
    ...(cause === undefined ? {} : { cause }),
  })
}

/** A sentence that stands behind the target's name. */
export function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}

export function notFound(name: string, key: string): BackupError {
  return targetFailure(name, 'OBJECT_NOT_FOUND', `there is no object ${key}`)
}

/** Fewer or more bytes came than the content, or the object, has. */
export function wrongSize(name: string, key: string, sizes: { expected: number; got: number }): BackupError {
  return targetFailure(
    name,
    'OBJECT_DAMAGED',
    `${key} should have ${sizes.expected} bytes and has ${sizes.got}`,
  )
}

/** Whether an error says that an object is gone, or is another than was listed, as opposed to a target that refuses. */
export function isOfObject(error: unknown): error is BackupError {
  return (
    error instanceof BackupError && (error.code === 'OBJECT_NOT_FOUND' || error.code === 'OBJECT_DAMAGED')
  )
}

/** What something resolves to; the error itself where that says that an object is gone, or another than was listed. */
export async function orProblemOf<T>(act: () => Promise<T>): Promise<T | BackupError> {
  try {
    return await act()
  } catch (error) {
    if (isOfObject(error)) return error
    throw error
  }
}
