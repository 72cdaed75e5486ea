import { readFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { nameOfSecret, type SecretConfig } from '../../config/secret.ts'
import type { Settings } from '../../config/settings.ts'
import type { TargetConfig } from '../../config/targets.ts'
import { hasKeys, NO_KEYS } from '../../encoding/keys.ts'
import { adviseOnKeys, isEncrypting } from '../../encoding/key-advice.ts'
import { placeOf } from '../check-target.ts'
import { writeKey } from '../generate-keys.ts'
import type { RecoverySheet, RecoverySheetRequest } from '../key-reports.ts'
import { renderSheet, type SheetDatabase, type SheetSecret } from './sheet-text.ts'
import { readNamedKeys } from './tried-keys.ts'

/**
 * Makes a page for whoever has to restore when this machine is gone: where backups are, whose keys open them, and what to
 * type. Asks no target, and reads no secret that is not named in the request.
 *
 * @param all the settings of each database that it is about, at least one
 */
export async function makeRecoverySheet(
  request: RecoverySheetRequest,
  all: readonly [Settings, ...Settings[]],
  now: Date,
): Promise<RecoverySheet> {
  const { output, identity, passphraseFile } = request
  const [{ targets, storing, signing, targetDirectory }] = all
  const isNamed = identity !== undefined || passphraseFile !== undefined
  const keys = isNamed ? await readNamedKeys(request, storing.encryption) : NO_KEYS
  const databases = all.map(describe)
  const configs = Object.entries(targets).map(
    ([name, { config }]) => [name, forBareMachine(config, targetDirectory)] as const,
  )
  const configuration = {
    databases: Object.fromEntries(all.map(settings => [settings.name, databaseConfig(settings)])),
    ...(configs.length === 0 ? { backupDir: 'backups' } : { targets: Object.fromEntries(configs) }),
    ...(signing.trusted.length === 0 ? {} : { signing: { trusted: signing.trusted } }),
  }
  const text = renderSheet({
    madeOn: now.toISOString().slice(0, 10),
    host: hostname(),
    version: await readVersion(),
    databases,
    targets: configs.map(([name, config]) => ({
      name,
      kind: config.kind,
      place: placeOf(config),
      appendOnly: config.appendOnly ?? false,
    })),
    secrets: [
      ...secretsIn(configuration, ''),
      ...configs.flatMap(([name, config]) => [...ofSftp(name, config), ...ofRclone(name, config)]),
    ],
    configuration,
    included: { identities: keys.identities, passphrase: keys.passphrases[0] ?? null },
  })
  const hint = 'Choose another path, or put the old page away first.'
  const path = output === undefined ? null : await writeKey(output, text, hint)
  return {
    success: true,
    path,
    text: path === null ? text : null,
    hasSecret: hasKeys(keys),
    databases: databases.map(({ name }) => name),
    warnings: [...new Set(all.flatMap(warningsOf))],
  }
}

function describe({ name, path, backupDir, keepLocal, storing }: Settings): SheetDatabase {
  const { encoding, encryption } = storing
  return {
    name,
    path,
    backupDir,
    keepsLocal: keepLocal,
    encoding,
    isEncrypted: isEncrypting(storing),
    recipients: [...new Set(encryption.recipients)],
    passphrase: encryption.passphrase === null ? null : nameOfSecret(encryption.passphrase),
  }
}

function warningsOf({ storing, targets }: Settings): string[] {
  return [
    ...adviseOnKeys(storing),
    ...(Object.keys(targets).length === 0
      ? [
          'The configuration has no targets: what happens to this machine happens to its backups (docs/off-site.md).',
        ]
      : []),
  ]
}

function databaseConfig({ name, storing }: Settings): object {
  const { passphrase } = storing.encryption
  return { path: `${name}.db`, ...(passphrase === null ? {} : { encryption: { passphrase } }) }
}

/** What of a target's configuration is needed to read from it. Options in an rclone remote may be passwords: they are left out. */
function forBareMachine(config: TargetConfig, directory: string): TargetConfig {
  const { bandwidth: _, retention: __, ...needed } = config
  switch (needed.kind) {
    case 'local':
      return { ...needed, path: resolve(directory, needed.path) }
    case 's3': {
      const { objectLock: ___, ...reading } = needed
      return reading
    }
    case 'sftp':
      return needed
    case 'rclone':
      return { ...needed, remote: placeOf(needed) }
  }
}

/** Every reference to a secret in a configuration, and where it stands there. */
function secretsIn(value: object, at: string): SheetSecret[] {
  return Object.entries(value).flatMap(([key, inner]: [string, unknown]) => {
    if (typeof inner !== 'object' || inner === null) return []
    const what = at === '' ? key : `${at}.${key}`
    return isSecret(inner) ? [{ what, where: nameOfSecret(inner) }] : secretsIn(inner, what)
  })
}

/** Nobody on a bare machine knows the server: without its key nothing is sent to it. */
function ofSftp(name: string, config: TargetConfig): SheetSecret[] {
  if (config.kind !== 'sftp' || config.hostKey !== undefined) return []
  const { host, knownHosts = '~/.ssh/known_hosts' } = config
  return [
    { what: `targets.${name}`, where: `what ${knownHosts} says of ${host}, or its fingerprint as hostKey` },
  ]
}

/** What rclone keeps by itself is nowhere in our configuration, and options of the remote are not on the sheet. */
function ofRclone(name: string, config: TargetConfig): SheetSecret[] {
  if (config.kind !== 'rclone') return []
  const { remote } = config
  const places = [
    ...(remote.startsWith(':') ? [] : ["what rclone's own configuration says of the remote"]),
    ...(remote.startsWith(':') || remote.includes(',…') ? ['the options of the remote, in place of …'] : []),
  ]
  return places.map(where => ({ what: `targets.${name}`, where }))
}

function isSecret(value: object): value is SecretConfig {
  const [key, ...others] = Object.keys(value)
  return others.length === 0 && (key === 'env' || key === 'file')
}

async function readVersion(): Promise<string> {
  // The package's own description lies three levels up, from src/operations/keys and from dist/operations/keys alike.
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
