/** A real server on a free port, and a client that holds every answer to the API's own document. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { z } from 'zod'
import { Administration, type DatabaseOptions, type Role } from '../../src/index.ts'
import type { LogFields, ServerLog } from '../../src/server/log.ts'
import type { Job } from '../../src/server/schemas/jobs.ts'
import { type RunningServer, type ServeOptions, startServer } from '../../src/server/serve.ts'
import { buildDatabase } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import type { Schema, Schemas } from './json-schema.ts'

export const USERS = `
  CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, password TEXT);
  INSERT INTO users (name, password) VALUES ('Ada', 'secret-of-ada'), ('Ben', 'secret-of-ben');
`

export interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // oxlint-disable-next-line typescript/no-explicit-any -- tests look into answers of every shape
  readonly body: any
}

export interface Asked {
  /** Sent as JSON, a text as it is, bytes too. */
  readonly body?: unknown
  readonly headers?: Readonly<Record<string, string>>
  /** Default: admin. Null: nobody. */
  readonly as?: Role | null
}

export interface Serving {
  readonly url: string
  readonly directory: string
  readonly backupDir: string
  readonly databasePath: string
  readonly tokens: Readonly<Record<Role, string>>
  readonly administration: Administration
  readonly logged: readonly (LogFields & { readonly level: string; readonly message: string })[]
  /** Which of the document's answers there have been. */
  readonly answered: ReadonlySet<string>
  readonly server: RunningServer
  /** Starts another one, on the same files. */
  readonly start: (more: Partial<ServeOptions>) => Promise<RunningServer>
  readonly ask: (method: string, path: string, asked?: Asked) => Promise<Answer>
  /** Begins a job and waits for its end. */
  readonly done: (path: string, body?: unknown, asked?: Asked) => Promise<Job>
  /** Waits for a job's end. */
  readonly ended: (id: string) => Promise<Job>
}

export interface ServingForm {
  /** Written as chame-backup.config.json. */
  readonly config?: object
  readonly serve?: Partial<ServeOptions>
}

/** Serves one database, `shop`, with a token for each role, until the running test ends. */
export async function openServing({ config, serve }: ServingForm = {}): Promise<Serving> {
  const directory = temporaryDirectory()
  const databasePath = join(directory, 'shop.db')
  const backupDir = join(directory, 'backups')
  buildDatabase(databasePath, USERS)
  const configPath = join(directory, 'chame-backup.config.json')
  const said = config ?? { databases: { shop: { path: 'shop.db', backupDir: 'backups' } } }
  writeFileSync(configPath, JSON.stringify(said, null, 2), { mode: 0o600 })
  mkdirSync(backupDir, { recursive: true, mode: 0o700 })
  const options: DatabaseOptions = { config: configPath }
  const administration = new Administration(options)
  const make = async (role: Role): Promise<string> =>
    succeeded(await administration.createToken({ name: `the ${role}`, role })).secret
  const tokens = {
    viewer: await make('viewer'),
    operator: await make('operator'),
    admin: await make('admin'),
  }
  const logged: (LogFields & { level: string; message: string })[] = []
  const start = async (more: Partial<ServeOptions> = {}): Promise<RunningServer> => {
    const where = { host: '127.0.0.1', port: 0, socket: null, tls: null, allowedHosts: [] }
    const server = await startServer({ ...where, database: options, log: collect(logged), ...more })
    onTestFinished(() => server.close(5000))
    return server
  }
  const server = await start(serve)
  const url = server.address
  const answered = new Set<string>()
  const ask = async (method: string, path: string, asked: Asked = {}): Promise<Answer> => {
    const { body, headers = {}, as = 'admin' } = asked
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(as === null ? {} : { authorization: `Bearer ${tokens[as]}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: sent(body) }),
      redirect: 'manual',
    })
    const text = await response.text()
    const isJson = response.headers.get('content-type')?.includes('json') === true
    const answer = {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson ? JSON.parse(text) : null,
    }
    if (!path.endsWith('openapi.json')) {
      const name = await holdToDocument(url, method, path, answer)
      if (name !== null) answered.add(name)
    }
    return answer
  }
  return {
    url,
    directory,
    backupDir,
    databasePath,
    tokens,
    administration,
    logged,
    answered,
    server,
    start,
    ask,
    async done(path, body = {}, asked = {}) {
      const begun = await ask('POST', path, { ...asked, body })
      if (begun.status !== 202) throw new Error(`not begun: ${begun.text}`)
      return await ended(ask, begun.body.id)
    },
    ended: id => ended(ask, id),
  }
}

function sent(body: unknown): Uint8Array<ArrayBuffer> | string {
  if (body instanceof Uint8Array) return new Uint8Array(body)
  return typeof body === 'string' ? body : JSON.stringify(body)
}

/** Backs up `shop` as the operator; the backup's file name. */
export async function backUp({ done }: Serving, description = ''): Promise<string> {
  const job = await done('/api/v1/databases/shop/backups', { description }, { as: 'operator' })
  if (job.kind !== 'create' || job.result === null) throw new Error(JSON.stringify(job))
  return job.result.filename
}

async function ended(ask: Serving['ask'], id: string): Promise<Job> {
  for (;;) {
    const { body } = await ask('GET', `/api/v1/jobs/${id}`)
    if (body.endedAt !== null) return body as Job
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

function collect(into: (LogFields & { level: string; message: string })[]): ServerLog {
  const at =
    (level: string) =>
    (fields: LogFields, message: string): void =>
      void into.push({ ...fields, level, message })
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components: { readonly schemas: Schemas }
}

export interface Parameter {
  readonly name: string
  readonly in: 'path' | 'query' | 'header'
  readonly required?: boolean
}

export interface Operation {
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> }
  readonly responses: Readonly<
    Record<
      string,
      {
        readonly headers?: Readonly<Record<string, unknown>>
        readonly content?: Readonly<Record<string, { readonly schema: object }>>
      }
    >
  >
  readonly 'x-role'?: string
}

/** An operation of the document. */
export interface Described {
  /** Such as "GET /healthz". */
  readonly name: string
  readonly method: string
  readonly template: string
  readonly operation: Operation
}

export async function operationsOf(url: string): Promise<readonly Described[]> {
  return Object.entries((await documentOf(url)).paths).flatMap(([template, item]) =>
    Object.entries(item).map(([verb, operation]) => {
      const method = verb.toUpperCase()
      return { name: `${method} ${template}`, method, template, operation }
    }),
  )
}

const documents = new Map<string, Promise<Document>>()
const schemas = new Map<string, z.ZodType>()

export function documentOf(url: string): Promise<Document> {
  const known =
    documents.get(url) ??
    fetch(`${url}/api/v1/openapi.json`).then(answer => answer.json() as Promise<Document>)
  documents.set(url, known)
  return known
}

/**
 * Fails for an answer that the document does not tell of: its operation, its status, its headers, its media type or its
 * content. Returns which of the document's answers it is, such as "GET /healthz 200" or "GET /healthz default"; null for
 * what is not the API's: a page of the console, or a path of nothing.
 */
export async function holdToDocument(
  url: string,
  method: string,
  path: string,
  answer: Answer,
): Promise<string | null> {
  const document = await documentOf(url)
  const [pathname = ''] = path.split('?')
  const found = Object.entries(document.paths).find(
    ([template, item]) => matches(template, pathname) && method.toLowerCase() in item,
  )
  const fail = (what: string): never => {
    throw new Error(`${method} ${path}: ${what}: ${answer.text.slice(0, 1000)}`)
  }
  const type = answer.headers.get('content-type')?.split(';')[0] ?? null
  if (answer.status >= 400) {
    check(document, 'problem', { $ref: '#/components/schemas/Problem' }, answer.body)
    if (type !== PROBLEM) fail(`a problem as ${type}`)
    if (answer.body.status !== answer.status) fail('two statuses')
  }
  if (found === undefined) {
    const isOfApi = pathname.startsWith('/api/v1/') && method !== 'HEAD'
    return isOfApi && answer.status < 400 ? fail('the operation is not in the document') : null
  }
  const [template, item] = found
  const said = answer.status < 400 ? String(answer.status) : 'default'
  const name = `${method} ${template} ${said}`
  const response = item[method.toLowerCase()]?.responses[said]
  if (response === undefined) return fail(`${said} is not in the document`)
  for (const header of Object.keys(response.headers ?? {})) {
    if (!answer.headers.has(header)) fail(`the header ${header} is missing`)
  }
  const contents = Object.keys(response.content ?? {})
  if (type === null ? contents.length > 0 : !contents.includes(type)) fail(`${type} is not in the document`)
  const schema = response.content?.['application/json']?.schema
  if (schema !== undefined) check(document, name, schema, answer.body)
  return name
}

const PROBLEM = 'application/problem+json'

function matches(template: string, path: string): boolean {
  const pattern = template.replaceAll(/\{\w+\}/g, '[^/]+').replaceAll('.', '\\.')
  return new RegExp(`^${pattern}$`).test(path)
}

function check(document: Document, name: string, schema: object, value: unknown): void {
  const known = schemas.get(name) ?? schemaOf(document, schema)
  schemas.set(name, known)
  const parsed = known.safeParse(value)
  if (!parsed.success) throw new Error(`${name}: not as the document says: ${z.prettifyError(parsed.error)}`)
}

function schemaOf(document: Document, schema: object): z.ZodType {
  const text = JSON.stringify({ ...schema, $defs: document.components.schemas }, closed)
  return z.fromJSONSchema(JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')))
}

/** An object has the keys that the document tells of, and no others: what nobody told of nobody meant to show. */
function closed(_: string, value: unknown): unknown {
  const isObject = typeof value === 'object' && value !== null && 'properties' in value
  const isOpen = isObject && 'type' in value && value.type === 'object' && !('additionalProperties' in value)
  return isOpen ? { ...value, additionalProperties: false } : value
}
