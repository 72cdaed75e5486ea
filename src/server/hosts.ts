/**
 * By which names this server may be called. A page of somebody else's whose name leads here (DNS rebinding) has its own name
 * in the Host header, whatever address it leads to.
 */
const LOCAL: readonly string[] = ['localhost', '127.0.0.1', '[::1]']

/** Addresses that mean all of a machine's are no names. */
const ANY: readonly string[] = ['0.0.0.0', '::', '[::]']

export interface Place {
  readonly host: string
  readonly port: number
  readonly isSecure: boolean
}

export function urlOf({ host, port, isSecure }: Place): string {
  return `${isSecure ? 'https' : 'http'}://${bracketed(host)}:${port}`
}

/**
 * The address that logs in once.
 *
 * @param place where the server listens; null for a socket, behind which only a proxy knows where the console is
 */
export function linkOf(place: Place | null, { secret }: { readonly secret: string }): string {
  if (place === null) return `<the address of the proxy>/#${secret}`
  return `${urlOf({ ...place, host: ANY.includes(place.host) ? 'localhost' : place.host })}/#${secret}`
}

/** @param listening the address that the server listens on; null for a socket of the file system */
export function allowedHosts(listening: string | null, more: readonly string[]): ReadonlySet<string> {
  const own = listening === null || ANY.includes(listening) ? [] : [bracketed(listening)]
  return new Set([...LOCAL, ...own, ...more].map(name => name.toLowerCase()))
}

/** Whether a Host header, of whatever port, names this server. */
export function isAllowedHost(header: string | undefined, allowed: ReadonlySet<string>): boolean {
  const [, name] = /^(\[[0-9a-f:.]+\]|[^:@/?#\s[\]]+)(?::\d{1,5})?$/i.exec(header ?? '') ?? []
  return name !== undefined && allowed.has(name.toLowerCase())
}

function bracketed(address: string): string {
  return address.includes(':') && !address.startsWith('[') ? `[${address}]` : address
}
