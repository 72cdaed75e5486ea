/**
 * Requests that are sent again: the same key with the same request gets the first one's answer, so that a client that heard
 * nothing can ask once more without a second backup being made.
 */
import { createHash } from 'node:crypto'
import { ERRORS } from '../index.ts'
import { Refusal } from './problems.ts'
import type { Problem } from './schemas/common.ts'

/** A client that has not asked again by then never will. */
const KEPT_MS = 24 * 3_600_000
const KEPT_MAX = 1000
/** What is larger is not kept: no POST of this API answers so much. */
const ANSWER_BYTES_MAX = 256 << 10

interface Kept {
  /** Of a streamed one known once it was answered; null when that is not kept. */
  readonly fingerprint: Promise<string | null>
  readonly atMs: number
  readonly answer: Promise<Answer | null>
}

/** A request with a key. */
export interface KeyedRequest {
  /** Whose key it is: keys of others are others. */
  readonly owner: string
  readonly key: string
  /** All that makes it this request: method, path, body. */
  readonly request: string | StreamedRequest
}

/** A request whose body is not read yet. */
interface StreamedRequest {
  /** Null unless the body was read to its end. */
  asRead(): string | null
  /** Reads the body, for nothing else. */
  read(): Promise<string>
}

interface Answer {
  readonly status: number
  readonly headers: readonly [string, string][]
  readonly body: string
}

export class IdempotencyBook {
  readonly #kept = new Map<string, Kept>()
  readonly #now: () => Date

  constructor(now: () => Date) {
    this.#now = now
  }

  /**
   * The answer to a request that may have been answered before. A failure of the server, or one that passes by itself, is
   * not kept, as the request may succeed next time, nor is what was answered before a streamed body was read to its end.
   * Refused as `KEY_REUSED` where the key was another request's.
   */
  async answer({ owner, key, request }: KeyedRequest, respond: () => Promise<Response>): Promise<Response> {
    this.#forget()
    const name = `${owner}\n${key}`
    // Of several that wait for one that fails, the next is the one that the others wait for.
    for (let known = this.#kept.get(name); known !== undefined; known = this.#kept.get(name)) {
      const fingerprint = await known.fingerprint
      if (fingerprint !== null && fingerprint !== digestOf(await textOf(request))) {
        throw new Refusal('KEY_REUSED', 'This idempotency key was another request’s', {
          hint: 'Take a new key for a new request.',
        })
      }
      const first = await known.answer
      if (first !== null) return replay(first)
    }
    const answer = Promise.withResolvers<Answer | null>()
    const fingerprint = Promise.withResolvers<string | null>()
    const atMs = this.#now().getTime()
    this.#kept.set(name, { fingerprint: fingerprint.promise, atMs, answer: answer.promise })
    let kept: Answer | null = null
    try {
      // Whoever sends something else under this key need not wait for the answer.
      if (typeof request === 'string') fingerprint.resolve(digestOf(request))
      const response = await respond()
      const text = typeof request === 'string' ? request : request.asRead()
      kept = text === null ? null : await keep(response)
      fingerprint.resolve(text === null || kept === null ? null : digestOf(text))
      return response
    } finally {
      if (kept === null) this.#kept.delete(name)
      fingerprint.resolve(null)
      answer.resolve(kept)
    }
  }

  #forget(): void {
    const now = this.#now().getTime()
    for (const [name, { atMs }] of this.#kept) {
      if (now - atMs <= KEPT_MS && this.#kept.size < KEPT_MAX) break
      this.#kept.delete(name)
    }
  }
}

async function textOf(request: KeyedRequest['request']): Promise<string> {
  return typeof request === 'string' ? request : await request.read()
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function keep(response: Response): Promise<Answer | null> {
  if (response.status >= 500 || response.status === 429) return null
  const body = await response.clone().text()
  if (body.length > ANSWER_BYTES_MAX || (response.status >= 400 && isPassing(body))) return null
  // A session's cookie may be another one by then, and is nobody's to keep.
  const headers = [...response.headers].filter(([name]) => name !== 'set-cookie')
  return { status: response.status, headers, body }
}

/** Whether it fails for now only: something is locked, or whoever asked went away before it was done. */
function isPassing(body: string): boolean {
  const { code } = JSON.parse(body) as Problem
  return code === 'CANCELLED' || (code in ERRORS && ERRORS[code as keyof typeof ERRORS].retryable)
}

function replay({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers: [...headers, ['idempotent-replayed', 'true']] })
}
