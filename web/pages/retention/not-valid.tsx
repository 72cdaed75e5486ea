import type { ReactElement } from 'react'
import { Problem } from '../../api/problem.ts'
import { Empty } from '../../parts/states.tsx'

/** Whether the fields of the policy say what is wrong. */
export function isOfFields(error: unknown): boolean {
  return error instanceof Problem && error.errors.size > 0
}

/** Stands where the policy would be tried out. */
export function NotValid(): ReactElement {
  return <Empty title="The policy is not valid">The fields above say what is wrong.</Empty>
}
