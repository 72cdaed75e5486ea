/**
 * Who may call what: the one table. A route that is not in it cannot be reached, whoever asks, and a test holds it to
 * the routes there are.
 */
import type { Role } from '../index.ts'

/** `public`: without logging in. */
export type Permission = Role | 'public'

/** Each role may do what the ones before it may. */
const RANKS: Readonly<Record<Role, number>> = { viewer: 0, operator: 1, admin: 2 }

const DATABASE = '/api/v1/databases/:database'
const BACKUP = `${DATABASE}/backups/:backup`

/** By method and path. HEAD is GET. */
export const PERMISSIONS: Readonly<Record<string, Permission>> = {
  'GET /healthz': 'public',
  'GET /readyz': 'public',
  'GET /api/v1/openapi.json': 'public',
  'GET /api/reference': 'public',
  'GET /api/reference/:file': 'public',
  // The console's own files; what they show comes from the API.
  'GET /*': 'public',

  'POST /api/v1/session': 'public',
  'GET /api/v1/session': 'viewer',
  'DELETE /api/v1/session': 'viewer',

  'GET /api/v1/databases': 'viewer',
  [`GET ${DATABASE}`]: 'viewer',
  [`GET ${DATABASE}/history`]: 'viewer',
  [`GET ${DATABASE}/backups`]: 'viewer',
  [`POST ${DATABASE}/backups`]: 'operator',
  // What is added may be restored later.
  [`POST ${DATABASE}/backups/upload`]: 'admin',
  [`GET ${BACKUP}`]: 'viewer',
  // A backup holds what is sensitive as it is.
  [`GET ${BACKUP}/content`]: 'admin',
  [`DELETE ${BACKUP}`]: 'admin',
  [`PUT ${BACKUP}/pin`]: 'operator',
  // What was pinned may then be deleted.
  [`DELETE ${BACKUP}/pin`]: 'admin',
  [`POST ${BACKUP}/verify`]: 'operator',
  [`POST ${BACKUP}/drill`]: 'operator',
  [`POST ${BACKUP}/restore-plan`]: 'admin',
  [`POST ${BACKUP}/restore`]: 'admin',
  [`GET ${BACKUP}/tables`]: 'viewer',
  // Masked, unless an admin asks otherwise.
  [`GET ${BACKUP}/tables/:table/rows`]: 'operator',
  [`POST ${BACKUP}/query`]: 'operator',
  [`POST ${DATABASE}/compare`]: 'operator',

  [`GET ${DATABASE}/exports`]: 'viewer',
  // With sensitive columns as they are only for an admin, here and in the download.
  [`POST ${DATABASE}/exports`]: 'operator',
  [`GET ${DATABASE}/exports/:export/content`]: 'operator',
  [`DELETE ${DATABASE}/exports/:export`]: 'admin',
  [`POST ${DATABASE}/scan`]: 'operator',

  [`GET ${DATABASE}/retention`]: 'viewer',
  [`PUT ${DATABASE}/retention`]: 'admin',
  [`POST ${DATABASE}/retention/simulate`]: 'viewer',
  [`POST ${DATABASE}/cleanup-plan`]: 'operator',
  [`POST ${DATABASE}/cleanup`]: 'admin',

  'GET /api/v1/schedule': 'viewer',
  'PUT /api/v1/schedule': 'admin',
  'POST /api/v1/schedule/jobs/:job/run': 'operator',

  'GET /api/v1/notifications': 'viewer',
  'POST /api/v1/notifications/test': 'admin',
  'GET /api/v1/targets': 'viewer',
  'POST /api/v1/targets/:target/check': 'admin',
  // Where everything lies, and who can read it.
  'GET /api/v1/recovery-sheet': 'admin',
  'GET /api/v1/settings': 'viewer',

  'GET /api/v1/jobs': 'viewer',
  'GET /api/v1/jobs/:job': 'viewer',
  'GET /api/v1/jobs/:job/events': 'viewer',
  'POST /api/v1/jobs/:job/cancel': 'operator',

  'GET /api/v1/metrics': 'viewer',
  'GET /api/v1/audit': 'operator',
  'GET /api/v1/audit/verify': 'operator',
  'POST /api/v1/audit/verify': 'operator',

  'GET /api/v1/tokens': 'admin',
  'POST /api/v1/tokens': 'admin',
  'DELETE /api/v1/tokens/:token': 'admin',
}

/** Whether a role suffices. */
export function isAllowed(role: Role, needed: Role): boolean {
  return RANKS[role] >= RANKS[needed]
}

/** What a route asks of its caller; null for one that is not in the table. */
export function permissionOf(method: string, path: string): Permission | null {
  const key = `${method === 'HEAD' ? 'GET' : method} ${path}`
  return Object.hasOwn(PERMISSIONS, key) ? (PERMISSIONS[key] ?? null) : null
}
