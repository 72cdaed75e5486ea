/** A server of this machine at the far end of a line, without being started there. */
import { connect, createServer } from 'node:net'
import { join as joinPath } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Line } from '../line.ts'
import { type Daemon, freePort, listening, remove, serverDirectory, startDaemon } from './daemon.ts'
import { join } from './join.ts'

const FORWARD = fileURLToPath(new URL('./forward.ts', import.meta.url))

export interface Forwarder extends AsyncDisposable {
  readonly port: number
  /** Its connections end without a word. */
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
}

/**
 * Has what is sent to a port at the far end come out at a port of 127.0.0.1 here. In between is a socket that has a path, as
 * these know no network namespaces.
 */
export async function startForwarder(line: Line, to: number): Promise<Forwarder> {
  const directory = serverDirectory()
  const path = joinPath(directory, 'forward')
  const server = createServer(socket => join(socket, connect(to, '127.0.0.1')))
  await new Promise<void>(resolve => server.listen(path, resolve))
  const port = await freePort()
  let daemon: Daemon | null = null
  const start = async (): Promise<void> => {
    daemon = startDaemon('env', [...line.within, process.execPath, FORWARD, line.address, String(port), path])
    await listening(port, daemon, line.address)
  }
  const stop = async (): Promise<void> => {
    await daemon?.[Symbol.asyncDispose]()
    daemon = null
  }
  await start()
  return {
    port,
    start,
    stop,
    async [Symbol.asyncDispose]() {
      await stop()
      await new Promise(resolve => server.close(resolve))
      remove(directory)
    },
  }
}
