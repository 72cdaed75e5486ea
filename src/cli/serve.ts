import { type Command, InvalidArgumentError, Option } from 'commander'
import { defineCommand, examples } from './define-command.ts'
import { given } from './options.ts'
import { refuseAlone } from './refuse-unused.ts'
import { inSession, type Session } from './session.ts'

interface ServeCommandOptions {
  readonly host: string
  readonly port: number
  readonly socket?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly allowRemote?: true
  readonly allowedHost?: readonly string[]
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
  readonly loginLink?: true
}

/** What a running job may take to end when the server is told to. */
const GRACE_MS = 20_000

export function serveCommand(): Command {
  const command = defineCommand('serve', 'Serve the console and the HTTP API, until stopped.')
    .option('--host <address>', 'the address to listen on', '127.0.0.1')
    .option('--port <number>', 'the port to listen on; 0 for any', parsePort, 8080)
    .addOption(
      new Option('--socket <file>', 'listen on a Unix socket instead').conflicts([
        'host',
        'port',
        'allowRemote',
      ]),
    )
    .option('--tls-cert <file>', 'certificate for TLS, PEM')
    .option('--tls-key <file>', 'its key, PEM')
    .option('--allow-remote', 'listen on an address that others can reach without TLS')
    .option('--allowed-host <name>', 'another name it is called by, as by a proxy (repeatable)', collect)
    .addOption(
      new Option('--log-level <level>', 'what is logged on stderr')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addOption(
      new Option('--login-link', 'print a link that logs in to a running server once, and end').conflicts([
        'allowRemote',
        'allowedHost',
        'logLevel',
      ]),
    )
    .addHelpText(
      'after',
      examples([
        ['serve', 'on http://127.0.0.1:8080'],
        ['serve --socket /run/chame/backup.sock', 'for a proxy on this machine'],
        ['serve --host 0.0.0.0 --tls-cert cert.pem --tls-key key.pem', 'for others, by TLS'],
        ['serve --login-link', 'log in to the one that runs'],
      ]),
    )
    .action((options: ServeCommandOptions, called: Command) =>
      inSession(called, session => serve(session, options)),
    )
  return refuseAlone(command, { allowRemote: ['host'] })
}

async function serve(session: Session, options: ServeCommandOptions): Promise<number> {
  if (options.loginLink === true) return showLink(session, options)
  const { path, backupDir, database, config } = session.options
  // What is made here is nobody else's to read.
  process.umask(0o077)
  const { readTls, requireSafeAddress, startServer } = await import('../server/serve.ts')
  const { openServerLog } = await import('../server/log.ts')
  const { toFailure } = await import('../index.ts')
  try {
    const { host, port, socket = null, tlsCert, tlsKey } = options
    const tls = await readTls(tlsCert, tlsKey)
    requireSafeAddress({ host, socket, tls }, { allowRemote: options.allowRemote === true })
    const server = await startServer({
      host,
      port,
      socket,
      tls,
      database: given({ path, backupDir, database, config }),
      allowedHosts: options.allowedHost ?? [],
      log: openServerLog(options.logLevel),
    })
    try {
      if (!session.options.quiet) process.stdout.write(`Listening on ${server.address}\n`)
      // Not into the log: whoever reads that could log in.
      if (await server.hasNoTokens()) {
        process.stdout.write(`Log in once, within 15 minutes: ${await server.logInLink()}\n`)
      }
      await stopped(session.cancellation.signal)
    } finally {
      await server.close(GRACE_MS)
    }
    return 0
  } catch (error) {
    return session.show(toFailure(error), () => '')
  }
}

async function showLink(
  session: Session,
  { host, port, socket, tlsCert }: ServeCommandOptions,
): Promise<number> {
  const { linkOf } = await import('../server/serve.ts')
  const result = await session.administration.createLogInLink()
  const place = socket === undefined ? { host, port, isSecure: tlsCert !== undefined } : null
  return session.show(result, made => `Log in once, within 15 minutes: ${linkOf(place, made)}`)
}

function stopped(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise(resolve => signal.addEventListener('abort', () => resolve(), { once: true }))
}

function parsePort(text: string): number {
  const port = Number(text)
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port
  throw new InvalidArgumentError('Expected a port from 0 to 65535.')
}

function collect(name: string, before: readonly string[] = []): readonly string[] {
  return [...before, name]
}
