import type { Role } from '../api/types.ts'
import { useSession } from './session.ts'

/** What can be done here, by the least role that may. The server decides; the console does not offer what it would refuse. */
const LEAST_ROLE = {
  'create-backup': 'operator',
  'upload-backup': 'operator',
  'verify-backup': 'operator',
  'download-backup': 'admin',
  'pin-backup': 'operator',
  'delete-backup': 'admin',
  'restore-backup': 'admin',
  'query-backup': 'operator',
  'export-data': 'operator',
  'export-sensitive': 'admin',
  'clean-up': 'admin',
  'run-job': 'operator',
  'edit-settings': 'admin',
  'read-audit': 'admin',
} as const satisfies Record<string, Role>

export type Action = keyof typeof LEAST_ROLE

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 }

export function may(role: Role, action: Action): boolean {
  return RANK[role] >= RANK[LEAST_ROLE[action]]
}

/** Whether who is logged in may do it. */
export function useMay(action: Action): boolean {
  return may(useSession().role, action)
}
