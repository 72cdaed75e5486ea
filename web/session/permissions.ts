import { type Action, may } from './roles.ts'
import { useSession } from './session.ts'

/** Whether who is logged in may do it. */
export function useMay(action: Action): boolean {
  return may(useSession().role, action)
}
