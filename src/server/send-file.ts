/** Files on their way out: whole, or, of what is stored, the range that was asked for. */
import type { StoredFile } from '../index.ts'
import type { RequestContext, Service } from './environment.ts'
import { Pace, type PaceLimits } from './pace.ts'
import { Refusal } from './problems.ts'
import { type ByteRange, parseRange } from './range.ts'

/** How often it is asked whether the reader may still have it. */
const CHECK_MS = 500

/** 64 kbit/s: over less nobody fetches a backup. A reader may hold a descriptor, and an unpacked image, for as long as that takes. */
export const DOWNLOAD_PACE: PaceLimits = { bytesPerSecondMin: 8 << 10, patienceMs: 60_000 }

/** Answers with a file's bytes, and closes it however that ends. */
export async function sendFile(service: Service, c: RequestContext, file: StoredFile): Promise<Response> {
  try {
    const range = rangeOf(c, file)
    const headers = headersOf(file, range)
    const isHead = c.req.method === 'HEAD'
    if (isHead || range.end === range.start) {
      await file.close()
      return new Response(null, { status: range.isPart ? 206 : 200, headers })
    }
    const principal = c.get('principal')
    const release = service.streams.enter(principal)
    const end = async (): Promise<void> => {
      release()
      await file.close()
    }
    const onSlow = (): void => {
      service.log.warn(
        { event: 'stream-refused', who: principal.name },
        'A download was ended: it was read too slowly',
      )
      // Which cancels the stream. An error in it would be written behind what was sent.
      c.env.outgoing.destroy()
    }
    const body = streamOf(guarded(service, c, file, range), { pace: new Pace(service.pace), onSlow, end })
    return new Response(body, { status: range.isPart ? 206 : 200, headers })
  } catch (error) {
    await file.close()
    throw error
  }
}

interface StreamEnds {
  readonly pace: Pace
  /** Its reader is slower than that: is to cancel the stream. */
  readonly onSlow: () => void
  /** However it ends, once: a generator that was never begun would not say so. */
  readonly end: () => Promise<void>
}

/** How long somebody has had a piece, and may have it. */
interface Sent {
  readonly bytes: number
  readonly at: number
  readonly timer: NodeJS.Timeout
}

function streamOf(
  chunks: AsyncGenerator<Uint8Array>,
  { pace, onSlow, end }: StreamEnds,
): ReadableStream<Uint8Array> {
  let ended: Promise<void> | undefined
  let sent: Sent | null = null
  const endOnce = (): Promise<void> => {
    clearTimeout(sent?.timer)
    return (ended ??= end())
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          // Asked for the next piece: the last one is gone. How long the next one takes here is nobody's fault there.
          clearTimeout(sent?.timer)
          if (sent !== null) pace.took(sent.bytes, performance.now() - sent.at)
          const { done, value } = await chunks.next()
          if (done === true) {
            await endOnce()
            return controller.close()
          }
          const timer = setTimeout(onSlow, pace.allowanceMs(value.length))
          sent = { bytes: value.length, at: performance.now(), timer }
          controller.enqueue(value)
        } catch (error) {
          await endOnce()
          throw error
        }
      },
      async cancel() {
        clearTimeout(sent?.timer)
        await chunks.return(undefined)
        await endOnce()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Fails when the server stops, and when the reader may no longer have it. */
async function* guarded(
  { stopping, log }: Service,
  c: RequestContext,
  file: StoredFile,
  range: ByteRange,
): AsyncGenerator<Uint8Array> {
  const principal = c.get('principal')
  let checkedAt = performance.now()
  for await (const chunk of file.read(range)) {
    // Errors, so that nobody takes what has come for the whole.
    if (stopping.aborted) throw new Error('the server stops')
    if (performance.now() - checkedAt > CHECK_MS) {
      checkedAt = performance.now()
      if (!(await principal.stillHolds())) {
        log.warn(
          { event: 'stream-refused', who: principal.name },
          'A download was ended: its token was revoked',
        )
        throw new Error('no longer allowed')
      }
    }
    yield chunk
  }
}

interface WantedRange extends ByteRange {
  readonly isPart: boolean
}

function rangeOf(c: RequestContext, { sizeBytes, etag, isStored }: StoredFile): WantedRange {
  const whole = { start: 0, end: sizeBytes, isPart: false }
  // For a part of what is made for each request, all of it would be made.
  const header = isStored ? c.req.header('range') : undefined
  const ifRange = c.req.header('if-range')
  if (header === undefined || (ifRange !== undefined && ifRange !== etag)) return whole
  const range = parseRange(header, sizeBytes)
  if (range === 'none') return whole
  if (range !== 'unsatisfiable') return { ...range, isPart: true }
  throw new Refusal('RANGE_NOT_SATISFIABLE', `The file has only ${sizeBytes} bytes`, {
    headers: { 'content-range': `bytes */${sizeBytes}` },
  })
}

function headersOf(
  { filename, sizeBytes, etag, modifiedAt, isStored }: StoredFile,
  { start, end, isPart }: WantedRange,
): Record<string, string> {
  return {
    'content-type': 'application/octet-stream',
    'content-length': String(end - start),
    'content-disposition': disposition(filename),
    'accept-ranges': isStored ? 'bytes' : 'none',
    'cache-control': 'private, no-store',
    etag,
    'last-modified': modifiedAt.toUTCString(),
    ...(isPart ? { 'content-range': `bytes ${start}-${end - 1}/${sizeBytes}` } : {}),
  }
}

/** As RFC 6266 has it: the name in ASCII for old programs, and as it is for all others. */
function disposition(filename: string): string {
  const ascii = filename.replaceAll(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(filename).replaceAll(
    /['()*]/g,
    character => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`
}
