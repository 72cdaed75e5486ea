/** What a failed call of SFTP means. */
import { BackupError, cancelled } from '../../../errors.ts'
import { SourceFailed } from '../../source.ts'
import { targetFailure } from '../../target-failure.ts'

/** Status codes of the protocol (draft-ietf-secsh-filexfer-02, 7). */
export const STATUS = { NO_SUCH_FILE: 2, PERMISSION_DENIED: 3, FAILURE: 4, OP_UNSUPPORTED: 8 } as const

/** The status that a server answered with; null when there was no answer. */
export function statusOf(error: unknown): number | null {
  return error instanceof Error && 'code' in error && typeof error.code === 'number' ? error.code : null
}

export function sftpFailure(
  target: string,
  error: unknown,
  { doing, signal }: { doing: string; signal: AbortSignal },
): Error {
  if (signal.aborted) return cancelled()
  if (error instanceof BackupError || error instanceof SourceFailed) return error
  const could = `could not ${doing}`
  switch (statusOf(error)) {
    case null:
      return targetFailure(target, 'TARGET_UNREACHABLE', `${could}: the connection broke off`, {
        cause: error,
      })
    case STATUS.PERMISSION_DENIED:
      return targetFailure(target, 'TARGET_REFUSED', `${could}: permission denied`, {
        hint: 'Give the user the right to read and write below the directory of the target.',
        cause: error,
      })
    default:
      return targetFailure(target, 'TARGET_REFUSED', `${could}: the server refused (${statusOf(error)})`, {
        hint: "Look at the server's log: the protocol has no way to say more.",
        cause: error,
      })
  }
}

/** Why there is no connection. Decided by where in the handshake it broke; the library's text is not shown. */
export function connectFailure(target: string, error: unknown): BackupError {
  const level = error instanceof Error && 'level' in error ? String(error.level) : ''
  const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : ''
  if (level === 'client-authentication') {
    return targetFailure(
      target,
      'TARGET_REFUSED',
      'the server does not let this user in with this key or password',
      {
        hint: "Check the user, and that its public key is in the server's authorized_keys.",
        cause: error,
      },
    )
  }
  if (level === 'handshake') {
    return targetFailure(target, 'TARGET_REFUSED', 'the server and this program have no cipher in common', {
      hint: 'The server may be too old, or be no SSH server at all: check host and port.',
      cause: error,
    })
  }
  return targetFailure(target, 'TARGET_UNREACHABLE', `it could not be connected to${code}`, { cause: error })
}

/** The library gives the code that the server's program ended with, which is no status of the protocol. */
export function sftpEnded(target: string, error: unknown): BackupError {
  const exit = statusOf(error)
  return targetFailure(
    target,
    'TARGET_UNREACHABLE',
    `its server did not begin SFTP${exit === null ? '' : ` (${exit})`}`,
    { hint: "Look at the server's log: this user may not be allowed SFTP.", cause: error },
  )
}
