/** Why a channel could not be told. Closed: the way to mend it depends on it. */
export type UndeliveredReason =
  /** A secret of the channel is not there, or not of its form. */
  | 'no-secret'
  /** Its address is one that is not sent to. */
  | 'refused-address'
  | 'unreachable'
  | 'timed-out'
  /** It answered that it will not take it. */
  | 'rejected'
  | 'redirected'
  | 'cancelled'
  | 'unexpected'

export interface UndeliveredDetails {
  /** What to do about it. */
  readonly hint: string
  /** Whether the same attempt may succeed in a moment. Default: false */
  readonly mayRetry?: boolean
  /** How long the receiver asked to be left alone. */
  readonly retryAfterMs?: number | undefined
  /** Whether some took it, and nothing is gained by telling them again, as the others never will. Default: false */
  readonly isTaken?: boolean
}

/**
 * One attempt failed. The message is made of words of ours only: what servers and libraries say may quote a URL,
 * a token or the inside of a network.
 */
export class Undelivered extends Error {
  override readonly name = 'Undelivered'
  readonly reason: UndeliveredReason
  readonly hint: string
  readonly mayRetry: boolean
  readonly retryAfterMs: number | undefined
  readonly isTaken: boolean

  constructor(reason: UndeliveredReason, message: string, details: UndeliveredDetails) {
    super(message)
    this.reason = reason
    this.hint = details.hint
    this.mayRetry = details.mayRetry ?? false
    this.retryAfterMs = details.retryAfterMs
    this.isTaken = details.isTaken ?? false
  }
}

export function timedOut(): Undelivered {
  return new Undelivered('timed-out', 'The receiver did not answer in time', {
    mayRetry: true,
    hint: 'Check that it is up, and that this machine may connect to it.',
  })
}

/** @param code what the system or the library calls it, such as ECONNREFUSED */
export function unreachable(code: string): Undelivered {
  const isCertificate = isAboutCertificates(code)
  return new Undelivered('unreachable', `The receiver could not be reached (${code})`, {
    mayRetry: !isCertificate,
    hint: isCertificate
      ? 'Its certificate is not trusted here: mend it, or name its authority in NODE_EXTRA_CA_CERTS.'
      : 'Check its address, that it is up, and that this machine may connect to it.',
  })
}

function isAboutCertificates(code: string): boolean {
  return /CERT|SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)/.test(code)
}

/** What was not foreseen, without its message, which may quote anything. */
export function unexpected(error: unknown): Undelivered {
  const what = error instanceof Error ? error.name : typeof error
  return new Undelivered('unexpected', `The message could not be sent (${what})`, {
    hint: 'This is a bug in chame-backup. Please report it with the kind of the channel.',
  })
}
