/**
 * What stands before every route, in this order: is the server meant; is there such a route; may the body be read; who asks,
 * and may they; did a page of ours send it. Only then is anything done.
 */
import type { MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import { authenticate } from './auth/authenticate.ts'
import { requireCsrfToken, requireSameSite } from './auth/same-site.ts'
import type { AppEnv, Principal, RequestContext, Service } from './environment.ts'
import { isAllowedHost } from './hosts.ts'
import { isAllowed, type Permission, permissionOf } from './permissions.ts'
import { Refusal } from './problems.ts'
import type { KeyedRequest } from './idempotency.ts'
import { inSilence } from './in-silence.ts'
import { readSmallBody, requireJson, requireMediaType, UploadBody } from './request-body.ts'

/** What changes nothing. */
export const SAFE: readonly string[] = ['GET', 'HEAD']
/** The one route whose body is a file. */
const UPLOAD = '/api/v1/databases/:database/backups/upload'

export function guard(service: Service, hosts: ReadonlySet<string>): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (!isAllowedHost(c.req.header('host'), hosts)) {
      throw new Refusal('HOST_NOT_ALLOWED', 'This server is not called so', {
        hint: 'Call it by the address it prints, or name this one with --allowed-host.',
      })
    }
    const path = routeOf(c)
    const permission = path === null ? null : permissionOf(c.req.method, path)
    if (path === null || permission === null) {
      throw new Refusal('NOT_FOUND', 'There is nothing here', {
        hint: '/api/v1/openapi.json says what there is.',
      })
    }
    const isUnsafe = !SAFE.includes(c.req.method)
    if (isUnsafe) {
      requireSameSite(c)
      requireBodyType(c, path)
    }
    const principal = permission === 'public' ? null : await allow(service, c, permission)
    if (principal?.via === 'session' && isUnsafe) requireCsrfToken(c, principal)
    if (principal !== null) c.set('principal', principal)
    const request = isUnsafe ? await readRequest(c, path) : ''
    const key = c.req.method === 'POST' ? c.req.header('idempotency-key') : undefined
    if (key === undefined || principal === null || path === '/api/v1/tokens') return next()
    const respond = async (): Promise<Response> => {
      await next()
      return c.res
    }
    const keyed = { owner: ownerOf(principal), key: checked(key), request }
    const answer = (): Promise<Response> => service.idempotency.answer(keyed, respond)
    c.res = await (path === UPLOAD ? inSilence(c, answer) : answer())
  }
}

/** All that makes this request what it is; the body of an upload is not read yet. */
async function readRequest(c: RequestContext, path: string): Promise<KeyedRequest['request']> {
  // The url may have a query.
  const line = `${c.req.method} ${c.req.url}`
  if (path === UPLOAD) {
    const upload = new UploadBody(c.req.raw.body)
    c.set('upload', upload)
    const asRead = (): string | null => (upload.digest === null ? null : `${line}\n${upload.digest}`)
    return { asRead, read: async () => `${line}\n${await upload.read()}` }
  }
  const body = await readSmallBody(c)
  if (c.req.method !== 'DELETE') requireJson(body)
  return `${line}\n${body}`
}

async function allow(
  service: Service,
  c: RequestContext,
  permission: Exclude<Permission, 'public'>,
): Promise<Principal> {
  const principal = await authenticate(service, c)
  if (isAllowed(principal.role, permission)) return principal
  const { name, role } = principal
  service.log.warn({ event: 'refused', who: name, role, method: c.req.method }, 'A request was refused')
  throw new Refusal('FORBIDDEN', `This needs the role ${permission}, and ${name} is ${role}`, {
    hint: 'Ask an admin.',
  })
}

/** The path of the route that will answer, as it was registered; null for none. */
function routeOf(c: RequestContext): string | null {
  return matchedRoutes(c).find(({ method }) => method !== 'ALL')?.path ?? null
}

/** JSON is nothing that a form of another site can send. A DELETE has no body. */
function requireBodyType(c: RequestContext, path: string): void {
  if (c.req.method === 'DELETE' && c.req.header('content-type') === undefined) return
  requireMediaType(
    c.req.header('content-type'),
    path === UPLOAD ? 'application/octet-stream' : 'application/json',
  )
}

function ownerOf({ via, tokenId, name }: Principal): string {
  return `${via} ${tokenId ?? name}`
}

function checked(key: string): string {
  if (key.length >= 1 && key.length <= 200) return key
  throw new Refusal('REQUEST_INVALID', 'An idempotency key has 1 to 200 characters')
}
