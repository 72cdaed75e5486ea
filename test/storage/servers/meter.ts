/** A port of its own in front of a server's, at which what is sent is counted. */
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { Transform } from 'node:stream'
import { pipeline } from 'node:stream'

export interface Meter extends AsyncDisposable {
  readonly port: number
  /** Is told how many bytes have come from clients so far, whenever some have. */
  onSent: (bytes: number) => void
}

export async function startMeter(to: number): Promise<Meter> {
  let sent = 0
  const sockets = new Set<{ destroy(): unknown }>()
  const server = createServer(near => {
    const far = connect(to, '127.0.0.1')
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}))
    const counting = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        sent += chunk.length
        meter.onSent(sent)
        done(null, chunk)
      },
    })
    pipeline(near, counting, far, () => far.destroy())
    pipeline(far, near, () => near.destroy())
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const meter: Meter = {
    port: (server.address() as AddressInfo).port,
    onSent: () => {},
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
  return meter
}
