/** One HTTP request to a receiver: to an address that may be sent to, without redirects, with little of the answer read. */
import { lookup as lookupName, type LookupAddress, type LookupAllOptions } from 'node:dns'
import { type IncomingMessage, request as requestHttp } from 'node:http'
import { request as requestHttps } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { type AddressRules, refusalOf } from './addresses.ts'
import type { HttpPost } from './letter.ts'
import { parseRetryAfter } from './retry.ts'
import { timedOut, Undelivered, unreachable } from './undelivered.ts'

/** How names become addresses; `dns.lookup` unless a test says otherwise. */
export type Lookup = (
  hostname: string,
  options: LookupAllOptions,
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void

export interface PostOptions {
  readonly allowLinkLocal: boolean
  readonly signal: AbortSignal
  readonly now: () => Date
  readonly lookup?: Lookup | undefined
}

/** So much is read for the receiver not to be cut off in the middle of its answer; what it says is not looked at. */
const ANSWER_BYTES_MAX = 65_536
const ANSWER_MS_MAX = 1000

/** Sends it once and waits for an answer that says it was taken. Throws {@link Undelivered}. */
export async function postOnce(post: HttpPost, options: PostOptions): Promise<void> {
  const answer = await ask(post, options)
  const status = answer.statusCode ?? 0
  void drain(answer)
  if (status >= 200 && status < 300) return
  throw refusedWith(status, parseRetryAfter(answer.headers['retry-after'], options.now()))
}

function ask({ url, headers, body }: HttpPost, options: PostOptions): Promise<IncomingMessage> {
  const { signal } = options
  const isSecure = url.protocol === 'https:'
  const rules: AddressRules = { isSecure, allowLinkLocal: options.allowLinkLocal }
  // Node looks up names only: an address in the URL, which its parser has brought from any notation to one, is checked here.
  const literal = url.hostname.replace(/^\[|\]$/g, '')
  if (isIP(literal) !== 0) requireAllowed(literal, rules)
  return new Promise((resolve, reject) => {
    const request = (isSecure ? requestHttps : requestHttp)(url, {
      method: 'POST',
      headers: {
        'user-agent': 'chame-backup',
        accept: '*/*',
        'content-length': Buffer.byteLength(body),
        ...headers,
      },
      // A connection of its own: nothing is kept open between two nights.
      agent: false,
      lookup: guarded(options.lookup ?? lookupName, rules),
      signal,
    })
    request.on('response', resolve)
    request.on('error', error => reject(asUndelivered(error, signal)))
    request.end(body)
  })
}

/**
 * Hands over only addresses that may be sent to. The connection is made to what comes from here and nowhere else, so a
 * name that changes its meaning between two look-ups gains nothing.
 */
function guarded(lookup: Lookup, rules: AddressRules): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      const allowed = addresses.filter(({ address }) => refusalOf(address, rules) === null)
      const [first] = allowed
      if (first === undefined) {
        const why = addresses.map(({ address }) => refusalOf(address, rules))[0] ?? 'it has none'
        return callback(refusedAddress(why), [])
      }
      if (options.all === true) callback(null, allowed)
      else callback(null, first.address, first.family)
    })
  }
}

function requireAllowed(address: string, rules: AddressRules): void {
  const why = refusalOf(address, rules)
  if (why !== null) throw refusedAddress(why)
}

function refusedAddress(why: string): Undelivered {
  return new Undelivered('refused-address', `Nothing is sent to the address of this channel: ${why}`, {
    hint: 'Check its URL. Use https for addresses on the internet; set allowLinkLocal for a receiver that is really there.',
  })
}

/** Never rejects, and holds nobody up: the status, which counts, came before. */
async function drain(answer: IncomingMessage): Promise<void> {
  const timer = setTimeout(() => answer.destroy(), ANSWER_MS_MAX)
  let bytes = 0
  try {
    for await (const chunk of answer) {
      bytes += (chunk as Buffer).length
      if (bytes > ANSWER_BYTES_MAX) break
    }
  } catch {
    // Cut off: nothing was wanted of it.
  } finally {
    clearTimeout(timer)
    answer.destroy()
  }
}

/** Statuses that say "later": request timeout, too early, too many requests. */
const LATER: ReadonlySet<number> = new Set([408, 425, 429])

function refusedWith(status: number, retryAfterMs: number | undefined): Undelivered {
  if (status >= 300 && status < 400) {
    return new Undelivered(
      'redirected',
      `The receiver answered ${status}, a redirect, which is not followed`,
      {
        hint: 'Put the address that it leads to into the configuration, once you have looked where that is.',
      },
    )
  }
  const mayRetry = status >= 500 || LATER.has(status)
  return new Undelivered('rejected', `The receiver answered ${status}`, {
    mayRetry,
    retryAfterMs,
    hint: hintOf(status),
  })
}

function hintOf(status: number): string {
  if (status === 401 || status === 403)
    return 'The token or URL is not, or no longer, the right one: make a new one.'
  if (status === 404 || status === 410)
    return 'The URL, the topic or the chat is not there (any more): check it.'
  if (status === 429) return 'It gets too many messages: send it fewer events.'
  if (status >= 500) return 'It has a problem of its own: look at its status page or its log.'
  return 'It does not take messages of this form: check that the kind of the channel is right.'
}

/** In words of ours: the library's may quote the URL. */
function asUndelivered(error: Error, signal: AbortSignal): Undelivered {
  if (error instanceof Undelivered) return error
  if (signal.aborted) return timedOut()
  return unreachable('code' in error ? String(error.code) : error.name)
}
