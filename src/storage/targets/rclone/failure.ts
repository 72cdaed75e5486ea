/**
 * What it means that rclone failed. It ends with 1 for nearly everything, so its words have to be looked at; they are
 * not shown, as they may quote an address with a token in it.
 */
import { type BackupError, cancelled } from '../../../errors.ts'
import { targetFailure, type TargetErrorCode } from '../../target-failure.ts'

/** Exit codes (rclone.org/docs, "Exit code"). */
const DIRECTORY_NOT_FOUND = 3
const FILE_NOT_FOUND = 4
const TEMPORARY = 5

/** rclone ended, and not with 0. */
export class RcloneFailed extends Error {
  override readonly name = 'RcloneFailed'
  /** Null when a signal ended it. */
  readonly exit: number | null
  /** What it said, or the end of it. Never to be shown. */
  readonly words: string

  constructor(exit: number | null, words: string) {
    super(`rclone ended with ${exit}`)
    this.exit = exit
    this.words = words
  }

  get isNotFound(): boolean {
    return this.exit === DIRECTORY_NOT_FOUND || this.exit === FILE_NOT_FOUND
  }

  /**
   * Whether a right was missing to delete what is there. Of an SSH server that denies just that rclone says that there is no
   * such file: it tries to remove a directory of that name next.
   */
  get isDenied(): boolean {
    return DENIED.test(this.words) || /file does not exist/i.test(this.words)
  }
}

const DENIED =
  /permission denied|access ?denied|forbidden|unauthori[sz]ed|unable to authenticate|invalid_grant|invalid_token|expired|SignatureDoesNotMatch|InvalidAccessKeyId|\b40[13]\b/i

const MEANINGS: readonly (readonly [words: RegExp, code: TargetErrorCode, what: string, hint?: string])[] = [
  [
    /no space left|remaining disk space|disk quota|quota.{0,20}(exceeded|reached)|exceeded.{0,30}quota|storage.{0,20}(full|exceeded)|insufficient storage/i,
    'TARGET_FULL',
    'it has no room left',
  ],
  [
    /didn't find section in config|didn't find backend|unable to decrypt configuration|couldn't decrypt|config file .* not found/i,
    'TARGET_REFUSED',
    'rclone does not know this remote',
    "Check its name, the file of rclone's configuration, and the password of that file (RCLONE_CONFIG_PASS).",
  ],
  [
    /host key|knownhosts/i,
    'TARGET_REFUSED',
    'the key of the server is not the one expected',
    'Somebody else may be answering in its place. Ask whoever runs the server.',
  ],
  [
    DENIED,
    'TARGET_REFUSED',
    'the credentials are not accepted, or lack a right that is needed',
    "Check them in rclone's configuration; for some services: rclone config reconnect",
  ],
  [
    /connection (refused|reset)|timeout|timed out|no such host|unreachable|broken pipe|EOF|\b(429|50[0234])\b/i,
    'TARGET_UNREACHABLE',
    'it does not answer, or broke off',
  ],
]

export function rcloneFailure(
  target: string,
  { exit, words, isNotFound }: RcloneFailed,
  { doing, signal }: { doing: string; signal: AbortSignal },
): BackupError {
  if (signal.aborted) return cancelled()
  const ended = exit === null ? 'rclone was killed' : `rclone ended with ${exit}`
  const meaning = MEANINGS.find(([pattern]) => pattern.test(words))
  if (meaning !== undefined) {
    const [, code, what, hint] = meaning
    return targetFailure(target, code, `could not ${doing}: ${what} (${ended})`, { hint })
  }
  if (isNotFound)
    return targetFailure(target, 'OBJECT_NOT_FOUND', `could not ${doing}: it is not there (${ended})`)
  const mayPass = exit === TEMPORARY || exit === null
  return targetFailure(
    target,
    mayPass ? 'TARGET_UNREACHABLE' : 'TARGET_REFUSED',
    `could not ${doing}: ${ended}`,
    {
      hint: 'See what rclone itself says: rclone lsf -v, with the remote of the configuration.',
    },
  )
}

export function noRclone(target: string, program: string): BackupError {
  return targetFailure(target, 'TARGET_REFUSED', `there is no program ${program}`, {
    hint: 'Install rclone (https://rclone.org/install), or name where it is as program in the configuration.',
  })
}
