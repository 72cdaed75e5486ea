/** Bodies of requests: small, soon there, and JSON; what is larger is refused before it is read. */
import { createHash } from 'node:crypto'
import type { RequestContext } from './environment.ts'
import { Pace, type PaceLimits } from './pace.ts'
import { pointerOf, Refusal } from './problems.ts'

/** The largest is a query of SQL. */
const BODY_BYTES_MAX = 1 << 20
/** From the first byte to the last: most are smaller than a packet. */
const BODY_MS_MAX = 10_000
/** An upload that brings less than this holds a connection for nothing. */
const UPLOAD_PACE: PaceLimits = { bytesPerSecondMin: 1024, patienceMs: 60_000 }

/** The text of a small body. Hono's own readers find it read already. */
export async function readSmallBody(c: RequestContext): Promise<string> {
  requireLength(c.req.header('content-length'))
  const { body } = c.req.raw
  if (body === null) return ''
  const chunks: Uint8Array[] = []
  let size = 0
  const reader = body.getReader()
  const { promise: tooLate, reject } = Promise.withResolvers<never>()
  tooLate.catch(() => {})
  const timer = setTimeout(() => reject(slow()), BODY_MS_MAX)
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), tooLate])
      if (done) break
      size += value.length
      if (size > BODY_BYTES_MAX) throw tooLarge()
      chunks.push(value)
    }
  } finally {
    clearTimeout(timer)
    // What is not read is not waited for either.
    await reader.cancel().catch(() => {})
  }
  const text = Buffer.concat(chunks).toString('utf8')
  // What Hono's readers look for, whatever its types say: a promise.
  Reflect.set(c.req.bodyCache, 'text', Promise.resolve(text))
  return text
}

/**
 * Throws for a body that is not JSON, before anything is done with it, and for one that has something called `__proto__`:
 * nothing can be called that here, and the schemas' records would leave it out without a word.
 */
export function requireJson(text: string): void {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new Refusal('REQUEST_INVALID', 'The body is not JSON', {
      hint: 'Send {} where nothing is to be said.',
    })
  }
  // Written so, or with an escape: otherwise there is nothing to look for.
  const found = /__proto__|\\u/.test(text) ? pathTo('__proto__', value) : null
  if (found === null) return
  const pointer = pointerOf(found)
  const detail = 'nothing can be called "__proto__"'
  throw new Refusal('REQUEST_INVALID', 'The body of the request is not valid', {
    hint: `✖ ${detail}\n  → at ${pointer}`,
    errors: [{ pointer, detail }],
  })
}

/** What is in a body, and in what. */
interface Part {
  readonly value: unknown
  readonly key: string
  readonly within: Part | null
}

/** The way to something of that name, or null. Not by recursion: a body may be nested more deeply than calls can be. */
function pathTo(name: string, body: unknown): string[] | null {
  const parts: Part[] = [{ value: body, key: '', within: null }]
  for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
    const within = part
    if (within.key === name) return pathOf(within)
    if (typeof within.value !== 'object' || within.value === null) continue
    for (const [key, value] of Object.entries(within.value)) parts.push({ value, key, within })
  }
  return null
}

function pathOf(part: Part): string[] {
  const path: string[] = []
  for (let at = part; at.within !== null; at = at.within) path.push(at.key)
  return path.toReversed()
}

/** Throws unless the body says that it is of a type: a form of another site cannot say these. */
export function requireMediaType(header: string | undefined, wanted: string): void {
  if (header?.split(';')[0]?.trim().toLowerCase() === wanted) return
  throw new Refusal('MEDIA_TYPE_UNSUPPORTED', `The body must be ${wanted}`, {
    hint: `Send the header Content-Type: ${wanted}.`,
  })
}

/** The body of an upload, which is read once: into a file, or only to see whether it is the same again. */
export class UploadBody {
  readonly #stream: ReadableStream<Uint8Array> | null
  readonly #hash = createHash('sha256')
  #isWhole = false

  constructor(stream: ReadableStream<Uint8Array> | null) {
    this.#stream = stream
  }

  get isEmpty(): boolean {
    return this.#stream === null
  }

  /** The bytes. Refused as `REQUEST_TIMEOUT` when they come too slowly. */
  async *bytes(): AsyncGenerator<Uint8Array> {
    for await (const piece of this.#stream === null ? [] : patiently(this.#stream)) {
      this.#hash.update(piece)
      yield piece
    }
    this.#isWhole = true
  }

  /** Reads it for its digest alone. */
  async read(): Promise<string> {
    for await (const _ of this.bytes());
    return this.#hash.copy().digest('hex')
  }

  /** SHA-256 of all of it; null unless it was read to its end. */
  get digest(): string | null {
    return this.#isWhole ? this.#hash.copy().digest('hex') : null
  }
}

async function* patiently(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const pace = new Pace(UPLOAD_PACE)
  const reader = body.getReader()
  try {
    for (;;) {
      const began = performance.now()
      const { promise: tooLate, reject } = Promise.withResolvers<never>()
      tooLate.catch(() => {})
      const timer = setTimeout(() => reject(slow()), pace.allowanceMs(0))
      const { done, value } = await Promise.race([reader.read(), tooLate]).finally(() => clearTimeout(timer))
      if (done) return
      if (!pace.took(value.length, performance.now() - began)) throw slow()
      yield value
    }
  } finally {
    await reader.cancel().catch(() => {})
  }
}

function requireLength(header: string | undefined): void {
  if (header !== undefined && Number(header) > BODY_BYTES_MAX) throw tooLarge()
}

function tooLarge(): Refusal {
  return new Refusal('BODY_TOO_LARGE', `The body is larger than ${BODY_BYTES_MAX} bytes`, {
    hint: 'Only an upload of a backup may be.',
    headers: { connection: 'close' },
  })
}

function slow(): Refusal {
  return new Refusal('REQUEST_TIMEOUT', 'The body came too slowly', {
    hint: 'Send it again over a better connection.',
    headers: { connection: 'close' },
  })
}
