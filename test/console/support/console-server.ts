/** `chame-backup serve` as its users start it: a process of its own, with a configuration file. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** What is shipped; where coverage is measured, the source. */
const isMeasured = process.env['NODE_V8_COVERAGE'] !== undefined
const CLI = fileURLToPath(
  new URL(isMeasured ? '../../../src/cli/main.ts' : '../../../dist/cli/main.js', import.meta.url),
)

/** @param ntfyUrl whom the channel `ops` tells; below it nobody is heard */
function configuration(ntfyUrl: string): object {
  return {
    databases: {
      shop: { path: 'data/shop.db', backupDir: 'backups' },
      notes: { path: 'data/notes.db', backupDir: 'backups' },
    },
    defaultDatabase: 'shop',
    timeZone: 'UTC',
    schedule: { maxBackupAge: '36h' },
    notify: {
      channels: {
        ops: { kind: 'ntfy', url: ntfyUrl, topic: 'backups' },
        deaf: { kind: 'ntfy', url: `${ntfyUrl}${DEAF}`, topic: 'backups' },
      },
    },
  }
}

const DEAF = '/deaf'

/** Paths of a server's directory. */
export interface Place {
  readonly directory: string
  readonly shop: string
  readonly notes: string
}

export interface ConsoleForm {
  /** Fills the directory before the server starts. */
  readonly prepare: (place: Place) => Promise<void>
  /** What the configuration says beside what it says here always. Relative paths start in the directory. */
  readonly config?: object | ((place: Place) => Promise<object>)
  /** Writes the configuration as a program, which nobody but a person edits. */
  readonly isCode?: boolean
}

export interface ConsoleServer extends AsyncDisposable {
  /** Where the databases `shop` and `notes` are, their backups, and the configuration. */
  readonly directory: string
  /** Path of the configuration. */
  readonly config: string
  /** Path of the database `shop`. */
  readonly shop: string
  readonly url: string
  /** What the first start prints: logs in once, as an admin. */
  readonly logInLink: string
  /** How many notifications have arrived. */
  readonly notified: number
  /** Makes an API token and returns its secret. */
  makeToken(role: 'viewer' | 'operator' | 'admin'): Promise<string>
}

/** Starts a server for a directory of its own; both go with it. */
export async function startConsole({
  prepare,
  config: more = {},
  isCode = false,
}: ConsoleForm): Promise<ConsoleServer> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'chame-console-')))
  const data = join(directory, 'data')
  mkdirSync(data)
  const shop = join(data, 'shop.db')
  const notes = join(data, 'notes.db')
  const config = join(directory, `chame-backup.config.${isCode ? 'js' : 'json'}`)
  let notified = 0
  const ntfy = createServer(({ url }, response) => {
    if (url?.startsWith(DEAF) === true) response.statusCode = 403
    else notified++
    response.end('{}')
  })
  await once(ntfy.listen(0, '127.0.0.1'), 'listening')
  const { port } = ntfy.address() as AddressInfo
  const place = { directory, shop, notes }
  const added = typeof more === 'function' ? await more(place) : more
  const text = JSON.stringify({ ...configuration(`http://127.0.0.1:${port}`), ...added }, null, 2)
  writeFileSync(config, isCode ? `export default ${text}` : text, { mode: 0o600 })
  await prepare(place)
  const server = spawn(process.execPath, [CLI, 'serve', '--port', '0', '--config', config], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const close = async (): Promise<void> => {
    await stop(server)
    ntfy.close()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const logInLink = await firstLink(server)
    return {
      directory,
      config,
      shop,
      url: new URL('/', logInLink).href,
      logInLink,
      get notified() {
        return notified
      },
      makeToken: async role => makeToken(config, role),
      [Symbol.asyncDispose]: close,
    }
  } catch (error) {
    await close()
    throw error
  }
}

async function firstLink(server: ChildProcess): Promise<string> {
  let said = ''
  let complained = ''
  server.stderr?.on('data', (chunk: Buffer) => (complained += String(chunk)))
  return new Promise((resolve, reject) => {
    server.stdout?.on('data', (chunk: Buffer) => {
      said += String(chunk)
      const link = /(http:\/\/\S+#\S+)\n/.exec(said)?.[1]
      if (link !== undefined) resolve(link)
    })
    server.once('exit', code => reject(new Error(`serve ended with ${code}: ${said}${complained}`)))
  })
}

async function stop(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return
  const ended = once(server, 'exit')
  server.kill('SIGTERM')
  await ended
}

async function makeToken(config: string, role: string): Promise<string> {
  const args = [CLI, 'token', 'create', '--name', `the ${role}`, '--role', role, '--config', config, '--json']
  const making = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  making.stdout.on('data', (chunk: Buffer) => (said += String(chunk)))
  const [code] = (await once(making, 'close')) as [number]
  if (code !== 0) throw new Error(`token create ended with ${code}: ${said}`)
  return (JSON.parse(said) as { secret: string }).secret
}
