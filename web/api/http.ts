import { Problem, readProblem, unreachable } from './problem.ts'

const BASE = '/api/v1'

/** Of the session; whatever changes something carries it. */
let csrfToken: string | null = null

export function keepCsrfToken(token: string | null): void {
  csrfToken = token
}

export type Query = Readonly<Record<string, string | number | boolean | null | undefined>>

/** The address of a route. Every part is encoded: names come from databases and files. */
export function url(parts: readonly string[], query: Query = {}): string {
  const given = Object.entries(query).flatMap(([key, value]): [string, string][] =>
    value === null || value === undefined || value === '' ? [] : [[key, String(value)]],
  )
  const path = `${BASE}/${parts.map(encodeURIComponent).join('/')}`
  return given.length === 0 ? path : `${path}?${new URLSearchParams(given)}`
}

interface Sent {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly body?: BodyInit
  readonly headers?: Readonly<Record<string, string>>
  readonly signal?: AbortSignal | undefined
}

/** Asks the server. Throws a {@link Problem} for whatever is not a success. */
async function send<Result>(address: string, { method, body, headers = {}, signal }: Sent): Promise<Result> {
  const isSafe = method === 'GET'
  const request = new Request(address, {
    method,
    credentials: 'same-origin',
    cache: 'no-store',
    headers: { ...headers, ...(isSafe || csrfToken === null ? {} : { 'x-csrf-token': csrfToken }) },
    ...(body === undefined ? {} : { body }),
    ...(signal === undefined ? {} : { signal }),
  })
  const response = await fetch(request).catch((error: unknown) => {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw unreachable()
  })
  if (!response.ok) throw await readProblem(response)
  if (response.status === 204) return undefined as Result
  // The server validates what it sends by the schema that this type is of.
  return (await response.json()) as Result
}

export async function get<Result>(address: string, signal?: AbortSignal): Promise<Result> {
  return send(address, { method: 'GET', signal })
}

export async function post<Result>(address: string, body: object = {}): Promise<Result> {
  return send(address, { method: 'POST', ...json(body) })
}

export async function put<Result>(address: string, body: object): Promise<Result> {
  return send(address, { method: 'PUT', ...json(body) })
}

export async function remove<Result>(address: string): Promise<Result> {
  return send(address, { method: 'DELETE' })
}

/** Sends a file as it is, saying how much of it is on its way. `fetch` cannot say that yet. */
export async function upload<Result>(
  address: string,
  file: File,
  { onSent, signal }: { readonly onSent: (share: number) => void; readonly signal: AbortSignal },
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('POST', address)
    request.responseType = 'text'
    request.setRequestHeader('content-type', 'application/octet-stream')
    if (csrfToken !== null) request.setRequestHeader('x-csrf-token', csrfToken)
    request.upload.addEventListener('progress', event =>
      onSent(event.total === 0 ? 0 : event.loaded / event.total),
    )
    request.addEventListener('load', () => {
      const response = new Response(request.responseText, { status: request.status })
      if (response.ok) resolve(JSON.parse(request.responseText) as Result)
      else void readProblem(response).then(reject)
    })
    request.addEventListener('error', () => reject(unreachable()))
    request.addEventListener('abort', () => reject(new Problem(0, 'CANCELLED', 'The upload was cancelled')))
    signal.addEventListener('abort', () => request.abort())
    request.send(file)
  })
}

function json(body: object): { readonly body: string; readonly headers: Readonly<Record<string, string>> } {
  return { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }
}
