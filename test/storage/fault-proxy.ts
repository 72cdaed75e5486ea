/** A proxy in front of an HTTP server that makes things go wrong, as lines and servers do. */
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Fault {
  /** Which requests it is for. */
  readonly when: (request: { readonly method: string; readonly url: string }) => boolean
  /** How many of them. Default: 1 */
  times?: number
  /** Answers itself, without asking the server. */
  readonly answer?: { readonly status: number; readonly body: string }
  /** Takes the request, and says nothing ever. */
  readonly hang?: boolean
  /** Passes the request on, and breaks the connection instead of answering. */
  readonly loseAnswer?: boolean
  /** Passes so many bytes of the answer's body on, and breaks the connection then. */
  readonly cutAfter?: number
  /** Changes a byte of the answer's body. */
  readonly flip?: boolean
  /** Passes the request on, and answers with 200 and this instead. */
  readonly bodyInstead?: string
  /** Is called with the request passed on and its answer there, before that is given back. */
  readonly then?: () => void
}

export interface FaultProxy extends AsyncDisposable {
  readonly endpoint: string
  readonly seen: { readonly method: string; readonly url: string }[]
  /** The faults to come; one that has happened as often as it says is taken out. */
  faults: Fault[]
}

export async function startFaultProxy(endpoint: string): Promise<FaultProxy> {
  const seen: { method: string; url: string }[] = []
  const proxy: { faults: Fault[] } = { faults: [] }
  const server = createServer((incoming, outgoing) => {
    const { method = '', url = '' } = incoming
    seen.push({ method, url })
    const fault = proxy.faults.find(({ when }) => when({ method, url }))
    if (fault !== undefined) {
      fault.times = (fault.times ?? 1) - 1
      if (fault.times === 0) proxy.faults = proxy.faults.filter(one => one !== fault)
    }
    if (fault?.hang === true) return void incoming.resume()
    if (fault?.answer === undefined) return pass(endpoint, { incoming, outgoing, fault })
    const { status, body } = fault.answer
    incoming.resume().once('end', () => {
      outgoing.writeHead(status, {
        'content-type': 'application/xml',
        'content-length': Buffer.byteLength(body),
      })
      outgoing.end(body)
    })
  })
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

function pass(
  endpoint: string,
  {
    incoming,
    outgoing,
    fault,
  }: { incoming: IncomingMessage; outgoing: ServerResponse; fault: Fault | undefined },
): void {
  const onward = request(
    new URL(incoming.url ?? '/', endpoint),
    { method: incoming.method, headers: incoming.headers },
    answer => void giveBack(answer, outgoing, fault),
  )
  onward.on('error', () => outgoing.destroy())
  incoming.on('error', () => onward.destroy())
  incoming.pipe(onward)
}

async function giveBack(
  answer: IncomingMessage,
  outgoing: ServerResponse,
  fault: Fault = NONE,
): Promise<void> {
  fault.then?.()
  if (fault.loseAnswer === true || fault.bodyInstead !== undefined) {
    for await (const _ of answer);
    if (fault.bodyInstead === undefined) return void outgoing.destroy()
    outgoing.writeHead(200, { 'content-type': 'application/xml' })
    return void outgoing.end(fault.bodyInstead)
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
