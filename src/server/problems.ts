/** Bad news as RFC 9457 has it. */
import { ERRORS, type ErrorCode, type Failure, toFailure } from '../index.ts'
import { type FieldProblem, HTTP_CODES, type HttpCode, type Problem } from './schemas/common.ts'

/** What HTTP itself refuses. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly code: HttpCode
  readonly hint: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly errors: FieldProblem[] | undefined

  constructor(
    code: HttpCode,
    message: string,
    {
      hint,
      headers = {},
      errors,
      cause,
    }: { hint?: string; headers?: Record<string, string>; errors?: FieldProblem[]; cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.hint = hint
    this.headers = headers
    this.errors = errors
  }
}

/** An operation failed, and said so. */
class OperationFailed extends Error {
  override readonly name = 'OperationFailed'
  readonly failure: Failure

  constructor(failure: Failure) {
    super(failure.message)
    this.failure = failure
  }
}

/** The result itself; a failure is thrown, for the answer to be made of it. */
export function succeeded<Result extends { readonly success: true }>(result: Result | Failure): Result {
  if (result.success) return result
  throw new OperationFailed(result)
}

/** The problem that an error is. Of unforeseen ones only that there was one: what they say may quote anything. */
export function problemOf(error: unknown, instance: string): Problem {
  if (error instanceof Refusal) {
    const { code, message, hint, errors } = error
    return { ...problemFrom({ code, message, hint }, instance), ...(errors === undefined ? {} : { errors }) }
  }
  return failureProblem(error instanceof OperationFailed ? error.failure : toFailure(error), instance)
}

export function failureProblem(failure: Failure, instance: string): Problem {
  if (failure.code !== 'UNEXPECTED') return problemFrom(failure, instance)
  const message = 'An unforeseen error. The log of the server says which.'
  return problemFrom({ code: failure.code, message, hint: failure.hint }, instance)
}

function problemFrom(
  { code, message, hint }: { code: ErrorCode | HttpCode; message: string; hint?: string | undefined },
  instance: string,
): Problem {
  const status = statusOf(code)
  return {
    type: `urn:chame-backup:error:${code}`,
    title: titleOf(code),
    status,
    detail: message,
    code,
    ...(hint === undefined ? {} : { hint }),
    instance,
  }
}

function statusOf(code: ErrorCode | HttpCode): number {
  return isHttpCode(code) ? HTTP_CODES[code] : ERRORS[code].http
}

function isHttpCode(code: ErrorCode | HttpCode): code is HttpCode {
  return Object.hasOwn(HTTP_CODES, code)
}

/** "BACKUP_NOT_FOUND" → "Backup not found" */
function titleOf(code: string): string {
  const words = code.toLowerCase().replaceAll('_', ' ')
  return words.charAt(0).toUpperCase() + words.slice(1)
}

/** A JSON pointer (RFC 6901) in the form of a URI fragment, as RFC 9457 shows it. */
export function pointerOf(path: readonly PropertyKey[]): string {
  const parts = path.map(part => encodeURIComponent(String(part).replaceAll('~', '~0').replaceAll('/', '~1')))
  return ['#', ...parts].join('/')
}

/** The answer that carries a problem. */
export function problemResponse(problem: Problem, headers: Readonly<Record<string, string>> = {}): Response {
  return new Response(JSON.stringify(problem), {
    status: problem.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}
