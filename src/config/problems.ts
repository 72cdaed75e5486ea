import type { z } from 'zod'

/** For `safeParse`: a value that is needed and not there is told as that, not as one of a wrong type. */
export const tellMissing: z.core.$ZodErrorMap = issue =>
  issue.code === 'invalid_type' && issue.input === undefined
    ? `Missing: expected ${issue.expected}`
    : undefined

/**
 * For a union, which by itself only says that its value is none of its options: what is wrong with the one
 * that the value was meant for, or `otherwise` where that cannot be told.
 */
export function tellMeant(otherwise: string): z.core.$ZodErrorMap {
  return issue => {
    if (issue.code !== 'invalid_union') return undefined
    const meant = issue.errors.filter(problems => !problems.some(isOfAnotherKind))
    if (meant.length !== 1) return otherwise
    return meant[0]?.map(({ path, message }) => [...path, message].join(': ')).join('; ')
  }
}

/** Whether the value as a whole is something else, such as a text in place of an object. */
function isOfAnotherKind({ code, path }: z.core.$ZodIssue): boolean {
  return path.length === 0 && (code === 'invalid_type' || code === 'invalid_value')
}
