/** Whether a page of ours sent a request, or another site's in a browser that is logged in here. */
import { createHash, timingSafeEqual } from 'node:crypto'
import type { Principal, RequestContext } from '../environment.ts'
import { Refusal } from '../problems.ts'

/** Throws for what a browser says another site has sent. A program sends neither header, and has no cookie to abuse. */
export function requireSameSite(c: RequestContext): void {
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined && site !== 'same-origin' && site !== 'none') throw forged()
  const origin = c.req.header('origin')
  if (origin !== undefined && hostOf(origin) !== c.req.header('host')?.toLowerCase()) throw forged()
}

/** Throws unless a session's request carries the session's CSRF token, which no other site can read. */
export function requireCsrfToken(c: RequestContext, { csrfToken }: Principal): void {
  const sent = c.req.header('x-csrf-token') ?? ''
  if (csrfToken !== null && timingSafeEqual(digestOf(sent), digestOf(csrfToken))) return
  throw new Refusal('FORBIDDEN', 'The CSRF token is missing or not this session’s', {
    hint: 'Reload the page: its session is another one by now. Programs send the csrfToken of their session as X-CSRF-Token.',
  })
}

function hostOf(origin: string): string | null {
  try {
    return new URL(origin).host
  } catch {
    return null
  }
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}

function forged(): Refusal {
  return new Refusal('FORBIDDEN', 'The request comes from another site', {
    hint: 'Only the console, or a program with an API token, may ask for this.',
  })
}
