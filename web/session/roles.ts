import type { Role } from '../api/types.ts'

/** What can be done here, by the least role that may. The server decides; the console does not offer what it would refuse. */
export const LEAST_ROLE = {
  'create-backup': 'operator',
  'upload-backup': 'admin',
  'verify-backup': 'operator',
  'drill-backup': 'operator',
  'download-backup': 'admin',
  'pin-backup': 'operator',
  'unpin-backup': 'admin',
  'delete-backup': 'admin',
  'restore-backup': 'admin',
  'read-rows': 'operator',
  'query-backup': 'operator',
  'compare-backups': 'operator',
  'see-sensitive': 'admin',
  'export-data': 'operator',
  'delete-export': 'admin',
  'scan-sensitive': 'operator',
  'edit-retention': 'admin',
  'plan-cleanup': 'operator',
  'clean-up': 'admin',
  'edit-schedule': 'admin',
  'run-scheduled': 'operator',
  'test-notifications': 'admin',
  'check-target': 'admin',
  'recovery-sheet': 'admin',
  'read-audit': 'operator',
  'manage-tokens': 'admin',
} as const satisfies Record<string, Role>

export type Action = keyof typeof LEAST_ROLE

const RANK: Record<Role, number> = { viewer: 0, operator: 1, admin: 2 }

export function may(role: Role, action: Action): boolean {
  return RANK[role] >= RANK[LEAST_ROLE[action]]
}
