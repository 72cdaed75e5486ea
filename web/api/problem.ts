import type { FieldProblem } from './types.ts'

/** What a failed request says: a problem document (RFC 9457) with the code and the hint of the operation. */
export class Problem extends Error {
  override readonly name = 'Problem'
  readonly status: number
  readonly code: string
  readonly hint: string | null
  /** What is wrong with values of the request, by where they stand in it: a JSON pointer such as `#/policy/daily/minAge`. */
  readonly errors: ReadonlyMap<string, string>

  constructor(
    status: number,
    code: string,
    message: string,
    {
      hint = null,
      errors = new Map(),
    }: { readonly hint?: string | null; readonly errors?: ReadonlyMap<string, string> } = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.hint = hint
    this.errors = errors
  }
}

/** What is wrong with the value that stands at `path` in the request that failed; null for nothing. */
export function problemAt(error: unknown, ...path: readonly string[]): string | null {
  if (!(error instanceof Problem)) return null
  const parts = path.map(part => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')))
  return error.errors.get(['#', ...parts].join('/')) ?? null
}

/** Whether it may work in a moment: a server that restarts is back then. What was refused stays refused. */
export function mayPass(error: unknown): boolean {
  return error instanceof Problem && (error.status === 0 || error.status === 503)
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
    { hint: text('hint'), errors: errorsOf(said['errors']) },
  )
}

function errorsOf(errors: unknown): ReadonlyMap<string, string> {
  if (!Array.isArray(errors)) return new Map()
  return new Map(
    errors.flatMap((error: Partial<FieldProblem>): [string, string][] =>
      typeof error.pointer === 'string' && typeof error.detail === 'string'
        ? [[error.pointer, error.detail]]
        : [],
    ),
  )
}

/** The server could not be reached at all. */
export function unreachable(): Problem {
  return new Problem(0, 'SERVER_UNREACHABLE', 'The server does not answer', {
    hint: 'Is chame-backup serve still running? What was begun there goes on without this page.',
  })
}
