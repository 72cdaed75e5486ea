import { existsSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Administration, BackupError, type DatabaseOptions, KeptImages, toFailure } from '../index.ts'
import { makeApp } from './app.ts'
import { LockOut } from './auth/lock-out.ts'
import { SessionBook } from './auth/session-book.ts'
import { Databases } from './databases.ts'
import type { Service } from './environment.ts'
import { allowedHosts, linkOf } from './hosts.ts'
import { IdempotencyBook } from './idempotency.ts'
import { JobBook } from './job-book.ts'
import { type Listener, listen, type ListenOptions } from './listen.ts'
import { logJobEnd } from './log-problems.ts'
import type { ServerLog } from './log.ts'
import type { PaceLimits } from './pace.ts'
import { PlanBook } from './plan-book.ts'
import { Rest } from './rest.ts'
import { DOWNLOAD_PACE } from './send-file.ts'
import { StreamBook } from './stream-book.ts'

export { linkOf } from './hosts.ts'
export { readTls } from './tls.ts'

export interface ServeOptions extends ListenOptions {
  /** Which databases, as every command has it. */
  readonly database: DatabaseOptions
  /** More names that the server may be called by. */
  readonly allowedHosts: readonly string[]
  readonly log: ServerLog
  /** How slowly downloads may be read. Default: 8 KiB/s, and a minute behind that. */
  readonly downloadPace?: PaceLimits
}

/** A server that answers. */
export interface RunningServer {
  /** Where: "http://127.0.0.1:8080", or the path of a socket. */
  readonly address: string
  /** The console's address with a secret that logs in once. Behind a socket only a proxy knows that address. */
  logInLink(): Promise<string>
  /** Whether nobody has a token, and so nobody can log in but by a link. */
  hasNoTokens(): Promise<boolean>
  /** Takes no more requests, cancels what runs, and resolves when all has ended, after `graceMs` at the latest. */
  close(graceMs: number): Promise<void>
}

/** Starts a server. Throws {@link BackupError}: the configuration is not valid, or the address cannot be listened on. */
export async function startServer(options: ServeOptions): Promise<RunningServer> {
  const { log } = options
  const database: DatabaseOptions = {
    ...options.database,
    onAuditProblem: message => log.warn({ event: 'audit-problem' }, message),
  }
  const administration = new Administration(database)
  const databases = new Databases(database)
  // Asked now, so that a configuration that is not valid ends the start and not the first request.
  const settings = await administration.settings()
  if (!settings.success) {
    const { code, message, hint } = settings
    throw new BackupError(code, message, hint === undefined ? {} : { hint })
  }
  await removeAbandoned(administration, log)
  const access = await administration.openAccess()
  await access.listTokens()
  const now = (): Date => new Date()
  const stopping = new AbortController()
  const service: Service = {
    databases,
    images: new KeptImages(),
    jobs: new JobBook({ now, onEnd: (job, failure) => logJobEnd(log, job, failure) }),
    plans: new PlanBook(now),
    sessions: new SessionBook(now),
    lockOut: new LockOut(now),
    streams: new StreamBook(),
    pace: options.downloadPace ?? DOWNLOAD_PACE,
    idempotency: new IdempotencyBook(now),
    rest: new Rest(() => databases.forget()),
    access,
    log,
    now,
    startedAt: now(),
    version: readVersion(),
    isSecure: options.tls !== null,
    stopping: stopping.signal,
  }
  const listening = options.socket === null ? options.host : null
  const app = makeApp(service, {
    hosts: allowedHosts(listening, options.allowedHosts),
    consoleDirectory: consoleDirectory(),
  })
  const listener = await listen(app.fetch, options)
  log.info({ event: 'started', address: listener.address }, 'The server listens')
  databases.warm().catch(() => {})
  return {
    address: listener.address,
    logInLink: async () => linkOf(listener.place, await access.createLogInLink()),
    hasNoTokens: () => access.isEmpty(),
    close: graceMs => close({ listener, service, stopping }, graceMs),
  }
}

async function close(
  { listener, service, stopping }: { listener: Listener; service: Service; stopping: AbortController },
  graceMs: number,
): Promise<void> {
  const { log, jobs, databases, images, rest } = service
  log.info({ event: 'stopping' }, 'The server stops')
  stopping.abort()
  const closed = listener.close()
  const hasEnded = await jobs.close(graceMs)
  if (!hasEnded) log.warn({ event: 'jobs-left' }, 'Jobs had not ended in time')
  listener.closeConnections()
  await closed
  rest[Symbol.dispose]()
  databases.forget()
  // A disk that does not answer keeps nobody; what is left there then goes at the next start.
  await Promise.race([images[Symbol.asyncDispose](), sleep(graceMs, null, { ref: false })])
  log.info({ event: 'stopped' }, 'The server has stopped')
}

/** Of a server that was killed. One that cannot remove it can serve all the same. */
async function removeAbandoned(administration: Administration, log: ServerLog): Promise<void> {
  try {
    await administration.removeAbandoned()
  } catch (error) {
    const { message } = toFailure(error)
    log.warn({ event: 'left-behind' }, `What a killed server had left could not be removed: ${message}`)
  }
}

/** Beside `server/`: `dist/web` of the package; the sources have none. */
function consoleDirectory(): string | null {
  const directory = fileURLToPath(new URL('../web', import.meta.url))
  if (existsSync(`${directory}/index.html`)) return directory
  const built = fileURLToPath(new URL('../../dist/web', import.meta.url))
  return existsSync(`${built}/index.html`) ? built : null
}

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}

/** Throws `INVALID_ARGUMENT` for an address that others can reach, unless that is meant. */
export function requireSafeAddress(
  { host, socket, tls }: Pick<ListenOptions, 'host' | 'socket' | 'tls'>,
  { allowRemote }: { readonly allowRemote: boolean },
): void {
  const isLocal =
    socket !== null || host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
  if (isLocal || allowRemote || tls !== null) return
  throw new BackupError('INVALID_ARGUMENT', `Others could read along at ${host}: there is no TLS`, {
    hint: 'Give --tls-cert and --tls-key, or leave it at 127.0.0.1 behind a proxy that has TLS, or say --allow-remote.',
  })
}
