/** OpenSSH's server with a configuration and keys of its own. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { SftpTargetConfig } from '../../../src/config/targets.ts'
import { type Daemon, freePort, listening, remove, run, serverDirectory, startDaemon } from './daemon.ts'

export const SSHD_NEEDS = ['root', 'linux', '/usr/sbin/sshd', 'ssh-keygen', 'setpriv'] as const

export interface Sshd extends AsyncDisposable {
  readonly port: number
  /** Where its keys are. */
  readonly directory: string
  /** `SHA256:…` of its own key. */
  readonly fingerprint: string
  readonly config: (path: string, more?: Partial<SftpTargetConfig>) => SftpTargetConfig
  /** Ends every connection, and takes new ones. */
  readonly restart: () => Promise<void>
  readonly stop: () => Promise<void>
  readonly start: () => Promise<void>
}

export interface SshdOptions {
  /** Words after `internal-sftp`, such as `-P rename`. */
  readonly options?: string
  /** What serves SFTP in its place. */
  readonly subsystem?: string
  /** Where it listens. Default: 127.0.0.1 */
  readonly address?: string
  /** What it is started by, such as `ip netns exec …`. */
  readonly within?: readonly string[]
}

export async function startSshd({
  options = '',
  subsystem = `internal-sftp ${options}`,
  address = '127.0.0.1',
  within = [],
}: SshdOptions = {}): Promise<Sshd> {
  const directory = serverDirectory()
  const at = (name: string): string => join(directory, name)
  // Where the package's service would have made it.
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
  const port = await freePort()
  for (const name of ['host', 'user'])
    run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', name, '-f', at(name)])
  writeFileSync(at('authorized_keys'), readFileSync(at('user.pub')))
  writeFileSync(at('sshd.conf'), configText(directory, { address, port, subsystem }))
  let daemon: Daemon
  const start = async (): Promise<void> => {
    const words = [...within, '/usr/sbin/sshd', '-D', '-e', '-f', at('sshd.conf')]
    daemon = startDaemon('env', words)
    await listening(port, daemon, address)
  }
  const stop = async (): Promise<void> => {
    // Its sessions are processes of their own; it begins no more of them.
    daemon.child.kill('SIGSTOP')
    const sessions = readFileSync(`/proc/${daemon.child.pid}/task/${daemon.child.pid}/children`, 'utf8')
    for (const pid of sessions.split(/\s+/).filter(word => word !== '')) {
      try {
        process.kill(Number(pid), 'SIGKILL')
      } catch {
        // It has ended meanwhile.
      }
    }
    await daemon[Symbol.asyncDispose]()
  }
  await start()
  const fingerprint = run('ssh-keygen', ['-l', '-f', at('host.pub')]).split(' ')[1] ?? ''
  return {
    port,
    directory,
    fingerprint,
    config: (path, more = {}) => ({
      kind: 'sftp',
      host: address,
      port,
      user: userInfo().username,
      path,
      privateKey: { file: at('user') },
      hostKey: fingerprint,
      ...more,
    }),
    start,
    stop,
    async restart() {
      await stop()
      await start()
    },
    async [Symbol.asyncDispose]() {
      await stop()
      remove(directory)
    },
  }
}

function configText(
  directory: string,
  { address, port, subsystem }: { address: string; port: number; subsystem: string },
): string {
  return `ListenAddress ${address}
Port ${port}
HostKey ${directory}/host
AuthorizedKeysFile ${directory}/authorized_keys
PidFile none
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PermitRootLogin yes
MaxStartups 100
Subsystem sftp ${subsystem}
`
}
