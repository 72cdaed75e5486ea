/** What a failed request says: a problem document (RFC 9457) with the code and the hint of the operation. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: string
  readonly hint: string | null

  constructor(status: number, code: string, message: string, hint: string | null = null) {
    super(message)
    this.status = status
    this.code = code
    this.hint = hint
  }
}

/** What to show of whatever was thrown. */
export function problemOf(error: unknown): Pick<Problem, 'code' | 'message' | 'hint'> {
  if (error instanceof Problem) return error
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'UNEXPECTED', message, hint: 'This is a bug in the console. Reloading the page may help.' }
}

/** The problem of an answer that is not a success. */
export async function readProblem(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => null)
  const said = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {}
  const text = (key: string): string | null => (typeof said[key] === 'string' ? said[key] : null)
  return new Problem(
    response.status,
    text('code') ?? `HTTP_${response.status}`,
    text('detail') ?? text('title') ?? `The server answered ${response.status}`,
    text('hint'),
  )
}

/** The server could not be reached at all. */
export function unreachable(): Problem {
  return new Problem(
    0,
    'SERVER_UNREACHABLE',
    'The server does not answer',
    'Is chame-backup serve still running? What was begun there goes on without this page.',
  )
}
