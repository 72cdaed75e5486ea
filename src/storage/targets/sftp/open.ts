import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import ssh2 from 'ssh2'
import type { SecretPorts } from '../../../config/secret.ts'
import type { SftpTargetConfig } from '../../../config/targets.ts'
import { BackupError } from '../../../errors.ts'
import { readOptionalSecret } from '../../open-secret.ts'
import { judgeFingerprint, judgeKnownHosts, parseKnownHosts, type Verdict } from './host-keys.ts'
import { SftpTarget, type SftpTargetOptions } from './sftp.ts'

const DEFAULT_PORT = 22

/** Throws `CONFIG_INVALID` when a secret or the file of known hosts is not there. */
export async function openConfiguredSftp(
  name: string,
  config: SftpTargetConfig,
  ports: SecretPorts & Pick<SftpTargetOptions, 'spend' | 'retry'>,
): Promise<SftpTarget> {
  const privateKey = await readOptionalSecret(name, config.privateKey, ports)
  const passphrase = await readOptionalSecret(name, config.passphrase, ports)
  requireReadable(name, privateKey, passphrase)
  return new SftpTarget({
    server: {
      name,
      host: config.host,
      port: config.port ?? DEFAULT_PORT,
      user: config.user,
      password: await readOptionalSecret(name, config.password, ports),
      privateKey,
      passphrase,
      ...(await hostKeysOf(name, config, ports.directory)),
    },
    root: config.path.replace(/(?<=.)\/+$/, ''),
    spend: ports.spend,
    retry: ports.retry,
  })
}

function requireReadable(name: string, privateKey: string | undefined, passphrase: string | undefined): void {
  if (privateKey === undefined) return
  if (!(ssh2.utils.parseKey(privateKey, passphrase) instanceof Error)) return
  throw new BackupError('CONFIG_INVALID', `Target ${name}: the private key cannot be read`, {
    hint: 'It must be the private half, as ssh-keygen writes it, and its passphrase the right one.',
  })
}

async function hostKeysOf(
  name: string,
  config: SftpTargetConfig,
  directory: string,
): Promise<{ keyTypes: readonly string[]; judge: (key: Uint8Array) => Verdict }> {
  if (config.hostKey !== undefined) {
    const expected = [config.hostKey].flat()
    return { keyTypes: [], judge: key => judgeFingerprint(key, expected) }
  }
  const file =
    config.knownHosts === undefined
      ? join(homedir(), '.ssh', 'known_hosts')
      : resolve(directory, config.knownHosts)
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new BackupError(
      'CONFIG_INVALID',
      `Target ${name}: the file of known hosts cannot be read: ${file}`,
      {
        hint: 'Put the fingerprint of the server into the configuration as hostKey: ssh-keygen -l shows it there.',
        path: file,
        cause: error,
      },
    )
  })
  const known = parseKnownHosts(text, config.host, config.port ?? DEFAULT_PORT)
  return { keyTypes: known.types, judge: key => judgeKnownHosts(key, known) }
}
