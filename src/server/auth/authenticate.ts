/** Who asks: by a token in the Authorization header, or by a session's cookie. */
import type { Principal, RequestContext, Service } from '../environment.ts'
import { Refusal } from '../problems.ts'
import { readSessionCookie, writeSessionCookie } from './cookie.ts'
import { type Attempt, callerAddress } from './lock-out.ts'

const BEARER = /^Bearer +([^\s]{1,300})$/i
const ID = /^ch[bl]_([0-9a-f]{16})_/

/** Throws 401 for one whom nobody knows, 429 for one who tries too often, 503 where nobody can say. */
export async function authenticate(service: Service, c: RequestContext): Promise<Principal> {
  const header = c.req.header('authorization')
  if (header !== undefined) return byToken(service, c, header)
  const cookie = readSessionCookie(service, c)
  const found = cookie === undefined ? null : service.sessions.find(cookie)
  if (found === null) throw unauthenticated('Log in, or send an API token')
  const { session, newId, isOpen } = found
  const stillHolds = async (): Promise<boolean> =>
    isOpen() && (session.tokenId === null || (await isCurrent(service, session.tokenId)))
  if (!(await stillHolds())) throw unauthenticated('The session is over')
  if (newId !== null) writeSessionCookie(service, c, newId)
  return {
    name: session.name,
    role: session.role,
    via: 'session',
    tokenId: session.tokenId,
    expiresAt: session.expiresAt.toISOString(),
    csrfToken: session.csrfToken,
    stillHolds,
  }
}

async function byToken(service: Service, c: RequestContext, header: string): Promise<Principal> {
  const secret = BEARER.exec(header)?.[1] ?? ''
  const token = await tryLogIn(service, c, secret, () => service.access.authenticate(secret))
  return {
    name: token.name,
    role: token.role,
    via: 'token',
    tokenId: token.id,
    expiresAt: token.expiresAt,
    csrfToken: null,
    stillHolds: () => isCurrent(service, token.id),
  }
}

/** Lets `check` say whether a secret is right, unless too many were wrong. */
export async function tryLogIn<Result>(
  service: Service,
  c: RequestContext,
  secret: string,
  check: () => Promise<Result | null>,
): Promise<Result> {
  const attempt: Attempt = {
    address: callerAddress(c.env.incoming.socket.remoteAddress),
    id: ID.exec(secret)?.[1] ?? null,
  }
  const refusedMs = service.lockOut.refusedForMs(attempt)
  if (refusedMs > 0) throw tooMany(refusedMs)
  const result = await failClosed(check)
  if (result !== null) {
    service.lockOut.succeeded(attempt)
    return result
  }
  const waitMs = service.lockOut.failed(attempt)
  const { address, id } = attempt
  service.log.warn({ event: 'log-in-refused', address: address ?? 'local', id }, 'A log-in was refused')
  if (waitMs > 0) throw tooMany(waitMs)
  throw unauthenticated('This token is not known, was revoked or has expired')
}

function isCurrent({ access }: Service, id: string): Promise<boolean> {
  return failClosed(() => access.isCurrent(id))
}

/** Who cannot say who may come in lets nobody in. */
async function failClosed<Result>(check: () => Promise<Result>): Promise<Result> {
  try {
    return await check()
  } catch (error) {
    throw new Refusal('UNAVAILABLE', 'Nobody can be let in: the file of API tokens cannot be read', {
      hint: 'The log of the server says why.',
      cause: error,
    })
  }
}

function unauthenticated(message: string): Refusal {
  return new Refusal('UNAUTHENTICATED', message, {
    hint: 'Make a token with: chame-backup token create. Log in with: chame-backup serve --login-link.',
    headers: { 'www-authenticate': 'Bearer realm="chame-backup"' },
  })
}

function tooMany(waitMs: number): Refusal {
  return new Refusal('TOO_MANY_REQUESTS', 'Too many wrong tokens came from there', {
    hint: 'Wait, then try the right one.',
    headers: { 'retry-after': String(Math.ceil(waitMs / 1000)) },
  })
}
