/** The console and the API's reference page: files of this package and no others. */
import { readdirSync, readFileSync } from 'node:fs'
import { extname, join, relative, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ServerApp } from '../environment.ts'
import { Refusal } from '../problems.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
}

/** What a build names by its content never changes. */
const HASHED = /-[A-Za-z0-9_-]{8,}\.\w+$/

interface Served {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly type: string
  readonly isHashed: boolean
}

export function addConsoleRoutes(app: ServerApp, consoleDirectory: string | null): void {
  const reference = filesIn(fileURLToPath(new URL('../reference', import.meta.url)))
  const answer = (file: Served | undefined): Response => {
    if (file === undefined) throw new Refusal('NOT_FOUND', 'There is nothing here')
    const caching = file.isHashed ? 'public, max-age=31536000, immutable' : 'no-cache'
    return new Response(file.bytes, { headers: { 'content-type': file.type, 'cache-control': caching } })
  }
  app.get('/api/reference', () => answer(reference.get('reference.html')))
  app.get('/api/reference/:file', c => answer(reference.get(c.req.param('file'))))
  // Read once, when the server starts: afterwards no path from a request is looked for on the disk.
  const console = consoleDirectory === null ? new Map<string, Served>() : filesIn(consoleDirectory)
  app.get('/*', c => {
    const { path } = c.req
    if (path.startsWith('/api/')) throw new Refusal('NOT_FOUND', 'There is nothing here')
    const file = console.get(path.slice(1))
    if (file !== undefined) return answer(file)
    // The console's own addresses all begin with its one page.
    if (extname(path) !== '') throw new Refusal('NOT_FOUND', 'There is nothing here')
    return answer(console.get('index.html'))
  })
}

function filesIn(directory: string): ReadonlyMap<string, Served> {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true })
  return new Map(
    entries
      .filter(entry => entry.isFile() && Object.hasOwn(TYPES, extname(entry.name)))
      .map(entry => {
        const path = join(entry.parentPath, entry.name)
        const name = relative(directory, path).split(sep).join('/')
        const type = TYPES[extname(entry.name)] as string
        return [name, { bytes: new Uint8Array(readFileSync(path)), type, isHashed: HASHED.test(entry.name) }]
      }),
  )
}
