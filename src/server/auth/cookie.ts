import { getCookie, setCookie } from 'hono/cookie'
import type { RequestContext, Service } from '../environment.ts'

/** `__Host-`: browsers take it from this very host by TLS only. Without TLS they would not take it at all. */
function nameOf({ isSecure }: Service): string {
  return isSecure ? '__Host-chame-backup' : 'chame-backup'
}

export function readSessionCookie(service: Service, c: RequestContext): string | undefined {
  return getCookie(c, nameOf(service))
}

/** Sets the cookie until its session's end at the latest; null removes it. */
export function writeSessionCookie(service: Service, c: RequestContext, id: string | null): void {
  setCookie(c, nameOf(service), id ?? '', {
    path: '/',
    httpOnly: true,
    secure: service.isSecure,
    sameSite: 'Strict',
    ...(id === null ? { maxAge: 0 } : {}),
  })
}
