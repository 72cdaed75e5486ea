/** A proxy in front of an HTTP server that makes things go wrong, as lines and servers do. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Transform } from 'node:stream'

export interface Fault {
  /** Which requests it is for. */
  readonly when: (request: { readonly method: string; readonly url: string }) => boolean
  /** How many of them. Default: 1 */
  times?: number
  /** Answers itself, without asking the server. */
  readonly answer?: Answer
  /** Takes the request, and says nothing ever. */
  readonly hang?: boolean
  /** Passes the request on, and breaks the connection instead of answering. */
  readonly loseAnswer?: boolean
  /** Passes so many bytes of the answer's body on, and breaks the connection then. */
  readonly cutAfter?: number
  /** Changes a byte of the answer's body. */
  readonly flip?: boolean
  /** Passes the request on, and answers with this instead. */
  readonly answerInstead?: Answer
  /** How far off the server's clock seems to be, in milliseconds. */
  readonly dateOffMs?: number
  /** Happens with the request here, before anything of it is passed on or answered. */
  readonly before?: Happening
  /** Happens with half of the request's body passed on. */
  readonly midway?: Happening
  /** Happens with the request passed on and its answer there, before that is given back. */
  readonly after?: Happening
}

type Happening = () => void | Promise<void>

interface Answer {
  readonly status: number
  readonly body: string
}

interface Seen {
  readonly method: string
  readonly url: string
  /** Of the answer that was given back; none where the connection was broken, or there is no answer yet. */
  status?: number
}

export interface FaultProxy extends AsyncDisposable {
  readonly endpoint: string
  readonly seen: Seen[]
  /** The faults to come; one that has happened as often as it says is taken out. */
  faults: Fault[]
}

export async function startFaultProxy(endpoint: string): Promise<FaultProxy> {
  const seen: Seen[] = []
  const proxy: { faults: Fault[] } = { faults: [] }
  const take = (request: Seen): Fault => {
    const fault = proxy.faults.find(({ when }) => when(request))
    if (fault === undefined) return NONE
    fault.times = (fault.times ?? 1) - 1
    if (fault.times === 0) proxy.faults = proxy.faults.filter(one => one !== fault)
    return fault
  }
  const handle = async (incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> => {
    const { method = '', url = '' } = incoming
    const one: Seen = { method, url }
    seen.push(one)
    const fault = take(one)
    outgoing.once('finish', () => (one.status = outgoing.statusCode))
    await fault.before?.()
    if (fault.hang === true) incoming.resume()
    else if (fault.answer === undefined) pass(endpoint, { incoming, outgoing, fault })
    else {
      const { answer } = fault
      incoming.resume().once('end', () => say(outgoing, answer))
    }
  }
  const server = createServer((incoming, outgoing) => void handle(incoming, outgoing))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    seen,
    get faults() {
      return proxy.faults
    },
    set faults(faults: Fault[]) {
      proxy.faults = faults
    },
    [Symbol.asyncDispose]: () => close(server),
  }
}

function say(outgoing: ServerResponse, { status, body }: Answer): void {
  outgoing.writeHead(status, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(body),
  })
  outgoing.end(body)
}

function pass(
  endpoint: string,
  { incoming, outgoing, fault }: { incoming: IncomingMessage; outgoing: ServerResponse; fault: Fault },
): void {
  const onward = request(
    new URL(incoming.url ?? '/', endpoint),
    { method: incoming.method, headers: incoming.headers },
    answer => void giveBack(answer, outgoing, fault),
  )
  onward.on('error', () => outgoing.destroy())
  incoming.on('error', () => onward.destroy())
  incoming.pipe(halting(incoming, fault.midway)).pipe(onward)
}

/** Passes everything on, and lets something happen in the middle of it. */
function halting(incoming: IncomingMessage, midway: Happening | undefined): Transform {
  const half = Number(incoming.headers['content-length'] ?? 0) / 2
  let passed = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const isNow = midway !== undefined && passed < half && passed + chunk.length >= half
      passed += chunk.length
      if (!isNow) return done(null, chunk)
      this.push(chunk)
      void Promise.resolve(midway()).then(() => done())
    },
  })
}

async function giveBack(answer: IncomingMessage, outgoing: ServerResponse, fault: Fault): Promise<void> {
  if (fault.after !== undefined || fault.loseAnswer === true || fault.answerInstead !== undefined) {
    const body: Buffer[] = await Array.fromAsync(answer as AsyncIterable<Buffer>).catch(() => [])
    await fault.after?.()
    if (fault.loseAnswer === true) return void outgoing.destroy()
    if (fault.answerInstead !== undefined) return say(outgoing, fault.answerInstead)
    outgoing.writeHead(answer.statusCode ?? 0, answer.headers)
    return void outgoing.end(Buffer.concat(body))
  }
  if (fault.dateOffMs !== undefined) {
    const at = Date.parse(answer.headers.date ?? '') + fault.dateOffMs
    answer.headers.date = new Date(at).toUTCString()
  }
  outgoing.writeHead(answer.statusCode ?? 0, answer.headers)
  outgoing.on('error', () => {})
  let passed = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      const bytes = fault.flip === true && passed === 0 ? flipped(chunk) : chunk
      if (fault.cutAfter !== undefined && passed + bytes.length > fault.cutAfter) {
        outgoing.write(bytes.subarray(0, fault.cutAfter - passed), () => outgoing.destroy())
        return
      }
      passed += bytes.length
      if (!outgoing.write(bytes)) await new Promise(resolve => outgoing.once('drain', resolve))
    }
    outgoing.end()
  } catch {
    outgoing.destroy()
  }
}

const NONE: Fault = { when: () => false }

function flipped(chunk: Buffer): Buffer {
  const copy = Buffer.from(chunk)
  copy[0] = (copy[0] ?? 0) ^ 0x01
  return copy
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections()
  await new Promise(resolve => server.close(resolve))
}
