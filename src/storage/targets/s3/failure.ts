/** What a failed request to S3 means. Decided by codes and statuses; the server's text is not shown, as it may quote anything. */
import { BackupError, cancelled } from '../../../errors.ts'
import { targetFailure, type TargetErrorCode } from '../../target-failure.ts'

interface Meaning {
  readonly code: TargetErrorCode
  readonly what: string
  readonly hint?: string
}

const CREDENTIALS = 'Put the right key into the variable or file that the configuration names.'
const UNAVAILABLE: Meaning = { code: 'TARGET_UNREACHABLE', what: 'the server has a problem of its own' }
const BUSY: Meaning = { code: 'TARGET_UNREACHABLE', what: 'the server asks for fewer requests' }
const NO_BUCKET: Meaning = {
  code: 'TARGET_REFUSED',
  what: 'the bucket is not there',
  hint: 'Check its name and region; make it if it is new. If it was there before, find out who deleted it.',
}
const BAD_BYTES: Meaning = {
  code: 'TARGET_UNREACHABLE',
  what: 'what arrived at the server is not what was sent',
  hint: 'Something between here and there changes bytes: look at proxies, and at the memory of this machine.',
}
/** Amazon's answer while another request is writing the key: which of the two has won is not decided yet. */
const AT_WORK: Meaning = { code: 'TARGET_UNREACHABLE', what: 'another request for the same key is under way' }
const EXPIRED: Meaning = { code: 'TARGET_REFUSED', what: 'the credentials have expired', hint: CREDENTIALS }

const MEANINGS: Readonly<Record<string, Meaning>> = {
  NoSuchBucket: NO_BUCKET,
  AccessDenied: { code: 'TARGET_REFUSED', what: 'the credentials lack a right that is needed' },
  AllAccessDisabled: { code: 'TARGET_REFUSED', what: 'the account is disabled' },
  InvalidAccessKeyId: { code: 'TARGET_REFUSED', what: 'the access key is not known', hint: CREDENTIALS },
  SignatureDoesNotMatch: { code: 'TARGET_REFUSED', what: 'the secret key is wrong', hint: CREDENTIALS },
  ExpiredToken: EXPIRED,
  InvalidToken: EXPIRED,
  TokenRefreshRequired: EXPIRED,
  AuthorizationHeaderMalformed: {
    code: 'TARGET_REFUSED',
    what: 'the region is wrong',
    hint: 'Set the region that the bucket is in.',
  },
  PermanentRedirect: {
    code: 'TARGET_REFUSED',
    what: 'the bucket is in another region',
    hint: 'Set the region that the bucket is in.',
  },
  InvalidObjectState: {
    code: 'TARGET_REFUSED',
    what: 'the object is archived',
    hint: 'Have it restored from the archive there first.',
  },
  QuotaExceeded: { code: 'TARGET_FULL', what: 'its quota is used up' },
  InsufficientStorage: { code: 'TARGET_FULL', what: 'it has no room left' },
  EntityTooLarge: { code: 'TARGET_REFUSED', what: 'the object is larger than it takes' },
  BadDigest: BAD_BYTES,
  InvalidDigest: BAD_BYTES,
  XAmzContentSHA256Mismatch: BAD_BYTES,
  ConditionalRequestConflict: AT_WORK,
  OperationAborted: AT_WORK,
  SlowDown: BUSY,
  ServiceUnavailable: BUSY,
  TooManyRequests: BUSY,
  RequestTimeout: UNAVAILABLE,
  InternalError: UNAVAILABLE,
}

const OF_STATUS: Readonly<Record<number, Meaning>> = {
  301: {
    code: 'TARGET_REFUSED',
    what: 'the bucket is in another region',
    hint: 'Set the region that the bucket is in.',
  },
  401: { code: 'TARGET_REFUSED', what: 'the credentials are not accepted', hint: CREDENTIALS },
  403: { code: 'TARGET_REFUSED', what: 'the credentials lack a right that is needed' },
  429: BUSY,
  503: BUSY,
  507: { code: 'TARGET_FULL', what: 'it has no room left' },
}

/** What of an error of the SDK is looked at. */
export interface S3Problem {
  /** The server's code, such as `NoSuchKey`; the system's, such as `ECONNREFUSED`; else the error's name. */
  readonly code: string
  /** 0 where there was no answer. */
  readonly status: number
}

export function problemOf(error: unknown): S3Problem {
  if (!(error instanceof Error)) return { code: 'unknown', status: 0 }
  const { name, code, Code, $metadata } = error as Error & {
    code?: unknown
    Code?: unknown
    $metadata?: { httpStatusCode?: number }
  }
  const status = $metadata?.httpStatusCode ?? 0
  if (status === 0) return { code: typeof code === 'string' ? code : name, status }
  return { code: typeof Code === 'string' && Code !== '' ? Code : name, status }
}

/** @param skewMs the clock here less the server's, where an answer told it and it matters */
export function s3Failure(
  target: string,
  error: unknown,
  { doing, signal, skewMs }: { doing: string; signal: AbortSignal; skewMs: number | null },
): BackupError {
  if (signal.aborted) return cancelled()
  const problem = problemOf(error)
  if (problem.code === 'RequestTimeTooSkewed' || problem.code === 'RequestExpired')
    return tooSkewed(target, doing, skewMs)
  const { code, what, hint } = MEANINGS[problem.code] ?? OF_STATUS[problem.status] ?? otherwise(problem)
  const shown = /^[A-Za-z0-9_]{1,64}$/.test(problem.code) ? problem.code : String(problem.status)
  return targetFailure(target, code, `could not ${doing}: ${what} (${shown})`, { hint, cause: error })
}

/** Whether it may have been done all the same: there was no answer, or none that says that nothing was. */
export function isUnclear(error: unknown): boolean {
  if (!(error instanceof BackupError) || error.code !== 'TARGET_UNREACHABLE') return false
  const { code, status } = problemOf(error.cause)
  return MEANINGS[code] !== BUSY && MEANINGS[code] !== BAD_BYTES && OF_STATUS[status] !== BUSY
}

function otherwise({ status, code }: S3Problem): Meaning {
  if (status === 0 && /CERT|SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY)/.test(code)) {
    return {
      code: 'TARGET_REFUSED',
      what: 'its certificate is not trusted here',
      hint: 'Mend it, or name its authority in NODE_EXTRA_CA_CERTS.',
    }
  }
  if (status === 0) return { code: 'TARGET_UNREACHABLE', what: 'it does not answer, or broke off' }
  if (status >= 500 && status !== 501) return UNAVAILABLE
  // An answer that was fine but for its body: cut off, or not of this protocol.
  if (status < 300) return { code: 'TARGET_UNREACHABLE', what: 'its answer cannot be understood' }
  return { code: 'TARGET_REFUSED', what: `it answered ${status}` }
}

function tooSkewed(target: string, doing: string, skewMs: number | null): BackupError {
  const by = skewMs === null ? '' : ` by ${Math.round(Math.abs(skewMs) / 60_000)} minutes`
  const where = skewMs === null ? '' : skewMs > 0 ? ': it is ahead here' : ': it is behind here'
  return targetFailure(
    target,
    'TARGET_REFUSED',
    `could not ${doing}: this machine's clock and the server's differ${by}${where} (RequestTimeTooSkewed)`,
    { hint: 'Set the clock (for instance with NTP). Dates of backups and of locks depend on it too.' },
  )
}
