/** A directory as a bucket of an S3 server that can only be read, and that counts. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

export interface Bucket {
  readonly endpoint: string
  /** How often the content of an object was asked for. */
  readonly gets: (key: string) => number
}

const NAME = 'bucket'

/**
 * Until the running test ends. Configure it as `{ kind: 's3', bucket: 'bucket', endpoint, … }`.
 *
 * @param until when images are given; default: at once
 */
export async function openBucket(
  directory: string,
  until: Promise<void> = Promise.resolve(),
): Promise<Bucket> {
  const asked: string[] = []
  const server = createServer(({ method = '', url = '' }, answer) => {
    const { pathname, searchParams } = new URL(url, 'http://localhost')
    const key = decodeURIComponent(pathname).slice(`/${NAME}/`.length)
    if (key === '') return list(directory, searchParams.get('prefix') ?? '', answer)
    const path = join(directory, key)
    const stats = statSync(path, { throwIfNoEntry: false })
    if (stats === undefined) return void answer.writeHead(404).end()
    answer.writeHead(200, {
      'content-length': stats.size,
      'last-modified': stats.mtime.toUTCString(),
      etag: `"${stats.ino}-${stats.mtimeMs}"`,
    })
    if (method === 'HEAD') return void answer.end()
    asked.push(key)
    const given = key.startsWith('metadata/') ? Promise.resolve() : until
    void given.then(() => answer.end(readFileSync(path)))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `http://127.0.0.1:${port}`,
    gets: key => asked.filter(each => each === key).length,
  }
}

function list(directory: string, prefix: string, answer: ServerResponse): void {
  const contents = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter(name => name.startsWith(prefix) && statSync(join(directory, name)).isFile())
    .toSorted()
    .map(name => {
      const { size, mtime } = statSync(join(directory, name))
      return `<Contents><Key>${encodeURI(name)}</Key><Size>${size}</Size><LastModified>${mtime.toISOString()}</LastModified></Contents>`
    })
  answer.writeHead(200, { 'content-type': 'application/xml' })
  answer.end(
    `<?xml version="1.0" encoding="UTF-8"?><ListBucketResult><Name>${NAME}</Name><IsTruncated>false</IsTruncated>${contents.join('')}</ListBucketResult>`,
  )
}
