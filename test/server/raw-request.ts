/** A client that sends what it is given: fetch tidies paths up before a server sees them. */
import { Agent, type OutgoingHttpHeaders, request } from 'node:http'
import type { Answer } from './serving.ts'

export interface RawRequest {
  readonly method: string
  /** As it goes over the wire. */
  readonly path: string
  readonly headers?: OutgoingHttpHeaders
  readonly body?: string
}

const agent = new Agent({ keepAlive: true, maxSockets: 1 })

export function ask(url: string, { method, path, headers = {}, body }: RawRequest): Promise<Answer> {
  const { hostname, port } = new URL(url)
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
  return new Promise((resolve, reject) => {
    const sent = request(
      { agent, hostname, port, method, path, headers: { ...headers, ...length } },
      response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          const received = new Headers()
          for (const [name, value] of Object.entries(response.headersDistinct))
            for (const each of value ?? []) received.append(name, each)
          const isJson = received.get('content-type')?.includes('json') === true
          resolve({
            status: response.statusCode ?? 0,
            headers: received,
            text,
            body: isJson && text !== '' ? JSON.parse(text) : null,
          })
        })
      },
    )
    sent.on('error', (error: NodeJS.ErrnoException) => {
      // The server closed a connection that was kept, just as it was used again: nothing was answered.
      if (sent.reusedSocket && error.code === 'ECONNRESET')
        resolve(ask(url, { method, path, headers, ...(body === undefined ? {} : { body }) }))
      else reject(error)
    })
    sent.end(body)
  })
}
