/** Receivers of notifications, as real servers on this machine; each ends with the test that opened it. */
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'
import type { Certificate } from './certificates.ts'

export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

export interface HttpSink {
  readonly url: string
  readonly port: number
  readonly received: Received[]
}

export type Answer = (response: ServerResponse, request: Received, count: number) => void

/**
 * Takes everything with 200 unless `answer` says otherwise; `count` is 1 for the first request. With a certificate it is
 * reached by https, as `localhost`.
 */
export async function openHttpSink(
  answer: Answer = response => response.end('OK'),
  certificate?: Certificate,
): Promise<HttpSink> {
  const received: Received[] = []
  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    void readAll(request).then(body => {
      const { method = '', url = '', headers } = request
      const one = { method, path: url, headers, body }
      received.push(one)
      answer(response, one, received.length)
    })
  }
  const server = certificate === undefined ? createServer(listener) : createHttpsServer(certificate, listener)
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  const url = certificate === undefined ? `http://127.0.0.1:${port}` : `https://localhost:${port}`
  return { url, port, received }
}

/** Answers with these statuses one after another, the last for ever. */
export function statuses(...codes: readonly number[]): Answer {
  return (response, _, count) => {
    response.statusCode = codes[Math.min(count, codes.length) - 1] ?? 200
    response.end()
  }
}

async function readAll(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString()
}

export interface ReceivedMail {
  readonly from: string
  readonly to: readonly string[]
  /** Headers and body as they came. */
  readonly text: string
  readonly user: string | null
  readonly isSecure: boolean
}

export interface SmtpSink {
  readonly port: number
  readonly mails: ReceivedMail[]
}

/** A mail server without TLS and without users unless `options` say otherwise. */
export async function openSmtpSink(options: SMTPServerOptions = {}): Promise<SmtpSink> {
  const mails: ReceivedMail[] = []
  const server = new SMTPServer({
    disabledCommands: options.key === undefined ? ['STARTTLS', 'AUTH'] : [],
    logger: false,
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', chunk => chunks.push(chunk as Buffer))
      stream.on('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        mails.push({
          from: mailFrom === false ? '' : (mailFrom?.address ?? ''),
          to: rcptTo.map(({ address }) => address),
          text: Buffer.concat(chunks).toString(),
          user: session.user === undefined ? null : String(session.user),
          isSecure: session.secure,
        })
        done()
      })
    },
    ...options,
  })
  server.on('error', () => {}) // A client that does not trust us hangs up.
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => server.close())
  return { port: (server.server.address() as AddressInfo).port, mails }
}
