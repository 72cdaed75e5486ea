import type { RequestContext, Service } from '../environment.ts'
import type { SessionView } from '../schemas/access.ts'
import { tryLogIn } from './authenticate.ts'
import { readSessionCookie, writeSessionCookie } from './cookie.ts'
import type { SessionOwner } from './session-book.ts'

/** Opens a session, and sets its cookie. The one that the browser had is over. */
export async function logIn(
  service: Service,
  c: RequestContext,
  by: { readonly token: string } | { readonly link: string },
): Promise<SessionView> {
  const owner = await ('token' in by ? ownerOfToken(service, c, by.token) : ownerOfLink(service, c, by.link))
  const before = readSessionCookie(service, c)
  if (before !== undefined) service.sessions.close(before)
  const { id, session } = service.sessions.open(owner)
  writeSessionCookie(service, c, id)
  service.log.info({ event: 'logged-in', who: owner.name, role: owner.role }, 'Somebody logged in')
  await service.databases.record({ name: owner.name, via: 'session' }, { action: 'log-in' })
  return {
    name: session.name,
    role: session.role,
    via: 'session',
    expiresAt: session.expiresAt.toISOString(),
    csrfToken: session.csrfToken,
  }
}

export function logOut(service: Service, c: RequestContext): void {
  const id = readSessionCookie(service, c)
  if (id !== undefined) service.sessions.close(id)
  writeSessionCookie(service, c, null)
}

async function ownerOfToken(service: Service, c: RequestContext, secret: string): Promise<SessionOwner> {
  const { id, name, role } = await tryLogIn(service, c, secret, () => service.access.authenticate(secret))
  return { name, role, tokenId: id }
}

async function ownerOfLink(service: Service, c: RequestContext, secret: string): Promise<SessionOwner> {
  const { id, role } = await tryLogIn(service, c, secret, () => service.access.redeemLogInLink(secret))
  return { name: `log-in link ${id}`, role, tokenId: null }
}
