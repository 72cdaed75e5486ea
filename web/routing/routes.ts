/**
 * The addresses of the console, all of them: a page each, after the `#`, where no server sees them. Names in
 * them come from databases and files and may hold anything, so every part is encoded.
 */

export type Route =
  | { readonly page: 'overview' }
  | { readonly page: 'backups'; readonly database: string }
  | { readonly page: 'backup'; readonly database: string; readonly backup: string }
  | {
      readonly page: 'look'
      readonly database: string
      readonly backup: string
      /** Null: the first one. */
      readonly table: string | null
    }
  | {
      readonly page: 'compare'
      readonly database: string
      /** A file name, or `live`; null until it is chosen. */
      readonly left: string | null
      readonly right: string | null
    }
  | { readonly page: 'restore'; readonly database: string; readonly backup: string }
  | { readonly page: 'retention'; readonly database: string }
  | { readonly page: 'exports'; readonly database: string }
  | { readonly page: 'schedule' }
  | { readonly page: 'activity' }
  | { readonly page: 'settings' }
  | { readonly page: 'unknown'; readonly address: string }

export type PageName = Route['page']

/** The route that an address such as `#/db/chame/backups` means. */
export function parseRoute(hash: string): Route {
  const address = hash.replace(/^#/, '')
  const [path = '', query = ''] = address.split('?')
  const parts = decodeParts(path)
  if (parts === null) return { page: 'unknown', address }
  const given = new URLSearchParams(query)
  const [first, database, section, backup, ...more] = parts
  if (first === undefined) return { page: 'overview' }
  if (first !== 'db')
    return database === undefined ? parseGlobal(first, address) : { page: 'unknown', address }
  if (database === undefined || more.length > 0) return { page: 'unknown', address }
  const route = parseSection(database, section ?? 'backups', backup, given)
  return route ?? { page: 'unknown', address }
}

/** The address of a route, for `href`. */
export function addressOf(route: Route): string {
  switch (route.page) {
    case 'overview':
      return '#/'
    case 'schedule':
    case 'activity':
    case 'settings':
      return `#/${route.page}`
    case 'unknown':
      return `#${route.address}`
    case 'backup':
      return of(route.database, 'backups', route.backup)
    case 'restore':
      return of(route.database, 'restore', route.backup)
    case 'look':
      return of(route.database, 'look', route.backup) + queryOf({ table: route.table })
    case 'compare':
      return of(route.database, 'compare') + queryOf({ left: route.left, right: route.right })
    default:
      return of(route.database, route.page)
  }
}

function parseGlobal(page: string, address: string): Route {
  return page === 'schedule' || page === 'activity' || page === 'settings'
    ? { page }
    : { page: 'unknown', address }
}

function parseSection(
  database: string,
  section: string,
  backup: string | undefined,
  given: URLSearchParams,
): Route | null {
  if (backup === undefined) {
    if (section === 'compare')
      return { page: 'compare', database, left: given.get('left'), right: given.get('right') }
    if (section === 'backups' || section === 'retention' || section === 'exports')
      return { page: section, database }
    return null
  }
  if (section === 'backups') return { page: 'backup', database, backup }
  if (section === 'look') return { page: 'look', database, backup, table: given.get('table') }
  if (section === 'restore') return { page: 'restore', database, backup }
  return null
}

/** Null where a part is no valid encoding. */
function decodeParts(path: string): string[] | null {
  try {
    return path
      .split('/')
      .filter(part => part !== '')
      .map(decodeURIComponent)
  } catch {
    return null
  }
}

function of(...parts: readonly string[]): string {
  return `#/db/${parts.map(encodeURIComponent).join('/')}`
}

function queryOf(values: Readonly<Record<string, string | null>>): string {
  const given = Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== null)
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`
}
