/** Answers that are a success, but perhaps not of all that was to be done. */
import type { Failure } from '../../src/index.ts'

/** What some answers say of what they have not managed, each in its own place. */
export interface Outcome {
  readonly status: string
  readonly problem?: string | null
  readonly failed?: readonly { readonly message: string }[]
  readonly targets?: readonly {
    readonly status: string
    readonly failure?: Failure | null
    readonly failed: readonly { readonly message: string }[]
  }[]
}

/** `INCOMPLETE` is the code of an answer that is a success, but not of all that was to be done. */
export function toldBy({ status, problem = null, failed = [], targets = [] }: Outcome): {
  readonly code: string | null
  readonly message: string
} {
  if (['done', 'synced', 'intact', 'damaged'].includes(status)) return { code: null, message: status }
  const why = targets.flatMap(({ failure, failed: there }) => [
    failure?.message,
    ...there.map(({ message }) => message),
  ])
  const all = [problem, ...failed.map(({ message }) => message), ...why]
  return { code: 'INCOMPLETE', message: `${status}: ${all.filter(Boolean).join('; ')}` }
}
