/** The socket: what is taken off it, and for how long it is waited for. */
import { randomUUID } from 'node:crypto'
import { chmod, lstat, unlink } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { connect, type Socket } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { BackupError } from '../index.ts'
import { securityHeaders } from './headers.ts'
import { type Place, urlOf } from './hosts.ts'
import { problemOf, Refusal } from './problems.ts'
import type { HttpCode } from './schemas/common.ts'

/** A browser sends a few hundred bytes of headers, and a cookie. */
const HEADER_BYTES_MAX = 16 << 10
/** From the first byte of the headers to the last. */
const HEADERS_MS_MAX = 10_000
/** Streams send a sign of life every 15 s. */
const SILENT_MS_MAX = 120_000
const KEEP_ALIVE_MS = 5000
/** 300 streams, and the requests beside them. */
const CONNECTIONS_MAX = 1000
/** How often connections are looked at. */
const CHECK_MS = 1000

export interface ListenOptions {
  readonly host: string
  /** 0: any that is free. */
  readonly port: number
  /** Path of a Unix socket to listen on instead; null for none. */
  readonly socket: string | null
  /** PEM; null: no TLS. */
  readonly tls: { readonly cert: Buffer; readonly key: Buffer } | null
  /** After so long without a byte either way a connection is closed, also one that does not take what it is sent. Default: 2 min. */
  readonly silentMsMax?: number
}

export interface Listener {
  /** "http://127.0.0.1:8080", or the path of a socket. */
  readonly address: string
  /** Null for a socket. */
  readonly place: Place | null
  /** Takes no more connections; resolves once all are closed. */
  close(): Promise<void>
  /** Closes those that are still there. */
  closeConnections(): void
}

type Fetch = Parameters<typeof getRequestListener>[0]

export async function listen(fetch: Fetch, options: ListenOptions): Promise<Listener> {
  const { tls, socket } = options
  const limits = {
    maxHeaderSize: HEADER_BYTES_MAX,
    headersTimeout: HEADERS_MS_MAX,
    // An upload may take hours; bodies have limits of their own (request-body.ts).
    requestTimeout: 0,
    keepAliveTimeout: KEEP_ALIVE_MS,
    connectionsCheckingInterval: CHECK_MS,
  }
  const answer = getRequestListener(fetch, {
    hostname: 'localhost',
    errorHandler() {
      const { body, ...rest } = badRequest(...NO_HTTP, tls !== null)
      return new Response(body, rest)
    },
  })
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void =>
    void answer(incoming, outgoing)
  const server: Server =
    tls === null ? createServer(limits, listener) : createSecureServer({ ...limits, ...tls }, listener)
  server.maxConnections = CONNECTIONS_MAX
  server.timeout = options.silentMsMax ?? SILENT_MS_MAX
  // 100 headers are plenty; Node drops those beyond.
  server.maxHeadersCount = 200
  // Whatever else a client expects than 100-continue: answered as if it did not, where Node would answer with no problem.
  server.on('checkExpectation', listener)
  server.on('clientError', (error: NodeJS.ErrnoException, client: Socket) =>
    refuse(error, client, tls !== null),
  )
  await (socket === null ? listenOn(server, options) : listenOnSocket(server, socket))
  const place = socket === null ? placeOf(server, options) : null
  return {
    address: place === null ? (socket ?? '') : urlOf(place),
    place,
    close: () =>
      new Promise<void>(resolve => {
        server.close(() => resolve())
        server.closeIdleConnections()
      }),
    closeConnections: () => server.closeAllConnections(),
  }
}

function listenOn(server: Server, { host, port }: ListenOptions): Promise<void> {
  return listening(server, () => server.listen({ host, port }), `${host}:${port}`)
}

/** A socket that nobody listens on any more is replaced; it is its owner's alone. */
async function listenOnSocket(server: Server, path: string): Promise<void> {
  const stats = await lstat(path).catch(() => null)
  if (stats !== null) {
    if (!stats.isSocket() || (await isAlive(path))) {
      throw new BackupError('INVALID_ARGUMENT', `There is something already: ${path}`, {
        hint: 'Give another path, or stop the server that listens there.',
      })
    }
    await unlink(path)
  }
  await listening(server, () => bindPrivately(server, path), path)
  await chmod(path, 0o600)
}

/** The socket is made within the call: nothing else that this process makes gets a mode by it. */
function bindPrivately(server: Server, path: string): void {
  const umask = process.umask(0o077)
  try {
    server.listen(path)
  } finally {
    process.umask(umask)
  }
}

function isAlive(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(path, () => {
      probe.destroy()
      resolve(true)
    })
    probe.on('error', () => resolve(false))
  })
}

function listening(server: Server, begin: () => void, where: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException): void =>
      reject(
        new BackupError('IO_FAILED', `Could not listen on ${where} (${error.code ?? error.message})`, {
          hint:
            HINTS[error.code ?? ''] ?? 'Choose another address with --host, or another file with --socket.',
          cause: error,
        }),
      )
    server.once('error', fail)
    server.once('listening', () => {
      server.off('error', fail)
      resolve()
    })
    begin()
  })
}

const HINTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'Choose another port with --port, or stop the program that has this one.',
}

function placeOf(server: Server, { host, tls }: ListenOptions): Place {
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return { host, port, isSecure: tls !== null }
}

const REASONS: Readonly<Record<string, readonly [code: HttpCode, message: string]>> = {
  HPE_HEADER_OVERFLOW: ['HEADERS_TOO_LARGE', `The headers are larger than ${HEADER_BYTES_MAX} bytes`],
  ERR_HTTP_REQUEST_TIMEOUT: ['REQUEST_TIMEOUT', 'The headers came too slowly'],
}

/** What is no HTTP, or too much of it. */
function refuse({ code = '' }: NodeJS.ErrnoException, client: Socket, isSecure: boolean): void {
  if (!client.writable || code === 'ECONNRESET') {
    client.destroy()
    return
  }
  const { status, headers, body } = badRequest(...(REASONS[code] ?? NO_HTTP), isSecure)
  const all = { ...headers, connection: 'close', 'content-length': String(Buffer.byteLength(body)) }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  client.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`)
}

const NO_HTTP: readonly [code: HttpCode, message: string] = ['REQUEST_INVALID', 'This is no valid HTTP']

/** An answer that no route has given, in the form of all others. */
function badRequest(
  code: HttpCode,
  message: string,
  isSecure: boolean,
): { readonly status: number; readonly headers: Record<string, string>; readonly body: string } {
  const problem = problemOf(new Refusal(code, message), `urn:uuid:${randomUUID()}`)
  return {
    status: problem.status,
    headers: {
      ...securityHeaders({ isSecure }),
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
    },
    body: JSON.stringify(problem),
  }
}
