/**
 * Requests that are sent again: the same key with the same request gets the first one's answer, so that a client that heard
 * nothing can ask once more without a second backup being made.
 */
import { createHash } from 'node:crypto'
import { Refusal } from './problems.ts'

/** A client that has not asked again by then never will. */
const KEPT_MS = 24 * 3_600_000
const KEPT_MAX = 1000
/** What is larger is not kept: no POST of this API answers so much. */
const ANSWER_BYTES_MAX = 256 << 10

interface Kept {
  readonly fingerprint: string
  readonly atMs: number
  answer: Promise<Answer | null>
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
   * The answer to a request that may have been answered before. A failure of the server is not kept, as the request may
   * succeed next time. Refused as `KEY_REUSED` where the key was another request's.
   *
   * @param owner whose key it is: keys of others are others
   * @param request all that makes it this request: method, path, body
   */
  async answer(
    { owner, key, request }: { readonly owner: string; readonly key: string; readonly request: string },
    respond: () => Promise<Response>,
  ): Promise<Response> {
    this.#forget()
    const name = `${owner}\n${key}`
    const fingerprint = createHash('sha256').update(request).digest('hex')
    // Of several that wait for one that fails, the next is the one that the others wait for.
    for (let known = this.#kept.get(name); known !== undefined; known = this.#kept.get(name)) {
      if (known.fingerprint !== fingerprint) {
        throw new Refusal('KEY_REUSED', 'This idempotency key was another request’s', {
          hint: 'Take a new key for a new request.',
        })
      }
      const first = await known.answer
      if (first !== null) return replay(first)
    }
    const { promise, resolve } = Promise.withResolvers<Answer | null>()
    this.#kept.set(name, { fingerprint, atMs: this.#now().getTime(), answer: promise })
    let kept: Answer | null = null
    try {
      const response = await respond()
      kept = await keep(response)
      return response
    } finally {
      if (kept === null) this.#kept.delete(name)
      resolve(kept)
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

async function keep(response: Response): Promise<Answer | null> {
  if (response.status >= 500 || response.status === 429) return null
  const body = await response.clone().text()
  if (body.length > ANSWER_BYTES_MAX) return null
  return { status: response.status, headers: [...response.headers], body }
}

function replay({ status, headers, body }: Answer): Response {
  return new Response(body, { status, headers: [...headers, ['idempotent-replayed', 'true']] })
}
