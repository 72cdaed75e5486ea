/** Ping URLs of monitors that raise the alarm themselves when nothing comes, as healthchecks.io has them. */
import type { NotifyEvent } from '../event.ts'
import type { HttpPost, Letter } from '../letter.ts'
import { wholeText } from '../letter.ts'
import { cutBy, utf8Length } from '../text.ts'

/** healthchecks.io keeps the first 100 kB of a body; a phone shows less than this. */
const PING_BYTES_MAX = 4096

/** A test must not tell the monitor that all is well: it is only logged. */
const PATH_OF_EVENT: Readonly<Partial<Record<NotifyEvent['kind'], string>>> = {
  'job-started': '/start',
  'job-succeeded': '',
  failed: '/fail',
  test: '/log',
}

/** The ping of an event; the URL's query stays. */
export function pingPost(url: URL, { event, message }: Letter): HttpPost {
  const pinged = new URL(url)
  pinged.pathname = pinged.pathname.replace(/\/$/, '') + (PATH_OF_EVENT[event.kind] ?? '/log')
  return {
    url: pinged,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
    body: cutBy(wholeText(message), PING_BYTES_MAX, utf8Length),
  }
}
