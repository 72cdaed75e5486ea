/** One connection to an SSH server, and the calls of SFTP on it. */
import { connect as connectSocket, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import ssh2, { type ServerHostKeyAlgorithm, type SFTPWrapper } from 'ssh2'
import { type BackupError, cancelled } from '../../../errors.ts'
import { targetFailure } from '../../target-failure.ts'
import { connectFailure, sftpEnded } from './failure.ts'
import { algorithmsFor, fingerprintOf, type Verdict } from './host-keys.ts'

export interface Server {
  /** Of the target. */
  readonly name: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string | undefined
  readonly privateKey: string | undefined
  readonly passphrase: string | undefined
  /** Kinds of keys that are known of the server; none: any. */
  readonly keyTypes: readonly string[]
  readonly judge: (key: Uint8Array) => Verdict
}

/** A server that takes longer to let somebody in is down, or in another network. */
const READY_MS = 20_000
/** So often a server that has nothing to say is asked for a sign of life. */
const KEEPALIVE_MS = 10_000
/** A line is looked at so often before it is dead: whoever was held up itself reads first what has come meanwhile. */
const LOOKS = 4

export interface Session extends Disposable {
  readonly sftp: SFTPWrapper
  /** Whether calls still reach the server. */
  readonly isOpen: boolean
}

/**
 * Connects, lets `judge` look at the server's key before anything is sent to it, and opens SFTP. The session ends by itself
 * once nothing has come from the server for `idleMs`.
 */
export async function connect(
  server: Server,
  { idleMs, signal }: { readonly idleMs: number; readonly signal: AbortSignal },
): Promise<Session> {
  const client = new ssh2.Client()
  const socket = connectSocket({ host: server.host, port: server.port })
  endWhenIdle(socket, idleMs)
  let isOpen = true
  let refusal: BackupError | null = null
  const { promise: failed, reject: fail } = Promise.withResolvers<never>()
  failed.catch(() => {})
  const end = (error: unknown): void => {
    isOpen = false
    fail(error)
  }
  const cancel = (): void => {
    end(cancelled())
    client.destroy()
  }
  client.on('error', error => end(refusal ?? connectFailure(server.name, error)))
  client.on('close', () => end(refusal ?? connectFailure(server.name, new Error('closed'))))
  signal.addEventListener('abort', cancel, { once: true })
  try {
    const ready = new Promise<void>(resolve => client.once('ready', resolve))
    client.connect({
      sock: socket,
      username: server.user,
      ...(server.password === undefined ? {} : { password: server.password }),
      ...(server.privateKey === undefined ? {} : { privateKey: server.privateKey }),
      ...(server.passphrase === undefined ? {} : { passphrase: server.passphrase }),
      readyTimeout: Math.min(READY_MS, idleMs),
      keepaliveInterval: Math.min(KEEPALIVE_MS, idleMs / LOOKS),
      // The library would count the answers to these alone, and on a slow line they wait for all that is being sent.
      keepaliveCountMax: Number.POSITIVE_INFINITY,
      ...algorithmsOf(server),
      hostVerifier: (key: Buffer) => {
        refusal = refusalOf(server, key)
        return refusal === null
      },
    })
    await Promise.race([ready, failed])
    const closed = (): void => {
      end(new Error('closed'))
      // The connection would stay, kept alive, for nobody: another one is made for whatever comes next.
      client.destroy()
    }
    const begun = begin(client, closed).catch((error: unknown) => {
      throw sftpEnded(server.name, error)
    })
    const sftp = await Promise.race([begun, failed, neverBegun(server.name, Math.min(READY_MS, idleMs))])
    return {
      sftp,
      get isOpen() {
        return isOpen
      },
      [Symbol.dispose]() {
        client.destroy()
      },
    }
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    signal.removeEventListener('abort', cancel)
  }
}

/** Listens before it answers: the channel may close in the very packets that say it has begun. */
function begin(client: ssh2.Client, onClose: () => void): Promise<SFTPWrapper> {
  return new Promise((resolve, reject) => {
    client.sftp((error, sftp) => {
      if (error !== undefined) return reject(error)
      // The end of what comes is told in any case, the close of the channel only where nothing was being sent.
      sftp.on('end', onClose).on('close', onClose).on('exit', onClose)
      resolve(sftp)
    })
  })
}

/** Its program may die before it says a word: then the connection stays, and so does what keeps it alive. */
async function neverBegun(name: string, waitMs: number): Promise<never> {
  await sleep(waitMs, undefined, { ref: false })
  throw sftpEnded(name, new Error(`not within ${Math.round(waitMs / 1000)} s`))
}

/** Ends a connection once nothing has come for so long. What is sent says nothing: it may lie in this machine's memory. */
function endWhenIdle(socket: Socket, idleMs: number): void {
  let seenBytes = 0
  let looks = 0
  const timer = setInterval(() => {
    looks = socket.bytesRead === seenBytes ? looks + 1 : 0
    seenBytes = socket.bytesRead
    if (looks === LOOKS) socket.destroy()
  }, idleMs / LOOKS)
  socket.once('close', () => clearInterval(timer))
}

function algorithmsOf({ keyTypes }: Server): { algorithms?: { serverHostKey: ServerHostKeyAlgorithm[] } } {
  const wanted = algorithmsFor(keyTypes)?.filter(isSupported)
  return wanted === undefined || wanted.length === 0 ? {} : { algorithms: { serverHostKey: wanted } }
}

const SUPPORTED: ReadonlySet<string> = new Set<ServerHostKeyAlgorithm>([
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'rsa-sha2-512',
  'rsa-sha2-256',
  'ssh-rsa',
])

function isSupported(algorithm: string): algorithm is ServerHostKeyAlgorithm {
  return SUPPORTED.has(algorithm)
}

/** Null for the key that is expected. Nothing else goes on, ever: it may be somebody in between. */
function refusalOf({ name, host, judge }: Server, key: Uint8Array): BackupError | null {
  const seen = fingerprintOf(key)
  switch (judge(key)) {
    case 'known':
      return null
    case 'unknown':
      return targetFailure(name, 'TARGET_REFUSED', `the key of ${host} is not known: it shows ${seen}`, {
        hint: 'Have whoever runs the server confirm the fingerprint, then put it into the configuration as hostKey.',
      })
    case 'revoked':
      return targetFailure(name, 'TARGET_REFUSED', `${host} shows a key that was revoked: ${seen}`, {
        hint: 'Somebody else may be answering in its place. Ask whoever runs the server.',
      })
    case 'changed':
      return targetFailure(
        name,
        'TARGET_REFUSED',
        `the key of ${host} is not the one expected: it shows ${seen}`,
        {
          hint: 'Somebody else may be answering in its place. Only if whoever runs the server confirms the new key, put it into the configuration.',
        },
      )
  }
}

/** One call, as a promise that also settles when it is cancelled. */
export function call<T>(
  session: Session,
  signal: AbortSignal,
  start: (sftp: SFTPWrapper, done: (error: Error | null | undefined, value?: T) => void) => void,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    if (signal.aborted) return reject(cancelled())
    const cancel = (): void => {
      reject(cancelled())
      // What is on its way cannot be called back.
      session[Symbol.dispose]()
    }
    signal.addEventListener('abort', cancel, { once: true })
    const done = (error: Error | null | undefined, value?: T): void => {
      signal.removeEventListener('abort', cancel)
      if (error === null || error === undefined) resolve(value as T)
      else reject(error)
    }
    if (!session.isOpen) return done(new Error('the connection is closed'))
    try {
      start(session.sftp, done)
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)))
    }
  })
}

/** The same for an extension of OpenSSH; null where the server does not have it. */
export async function callExtension<T>(
  session: Session,
  signal: AbortSignal,
  start: (sftp: SFTPWrapper, done: (error: Error | null | undefined, value?: T) => void) => void,
): Promise<{ readonly value: T } | null> {
  let isMissing = false
  try {
    const value = await call<T>(session, signal, (sftp, done) => {
      try {
        start(sftp, done)
      } catch {
        // The library throws at once what the server did not announce.
        isMissing = true
        done(null)
      }
    })
    return isMissing ? null : { value }
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === OP_UNSUPPORTED) return null
    throw error
  }
}

const OP_UNSUPPORTED = 8
