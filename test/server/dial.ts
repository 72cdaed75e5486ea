/** Connections of one's own, for what no client of HTTP would do. */
import { connect, type Socket } from 'node:net'
import type { Serving } from './serving.ts'

export function dial({ url }: Pick<Serving, 'url'>): Socket {
  const { hostname, port } = new URL(url)
  return connect(Number(port), hostname).on('error', () => {})
}

/** What came until the connection was closed. */
export async function all(socket: Socket): Promise<string> {
  let text = ''
  socket.on('data', (bytes: Buffer) => (text += bytes.toString('latin1')))
  await closed(socket)
  return text
}

/** However: a server that refuses what it has not read resets the connection. */
export function closed(socket: Socket): Promise<void> {
  return new Promise(resolve => (socket.destroyed ? resolve() : socket.once('close', () => resolve())))
}

export function drained(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.once('drain', () => resolve()))
}
