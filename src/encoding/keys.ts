/** The secrets that open encrypted backups: read when they are needed, and from where the configuration says. */
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { SecretConfig } from '../config/secret.ts'
import { BackupError } from '../errors.ts'
import type { AgeKeys } from './age/header.ts'
import { parseIdentities } from './age/recipient.ts'
import type { EncryptionSettings } from './settings.ts'

/** No identity file is longer; a path that leads to a disk must not be read to its end. */
const SECRET_BYTES_MAX = 1 << 20

/**
 * All that may open a backup. Throws `KEY_REQUIRED` for a secret that the configuration names and that cannot be read,
 * or holds no identity.
 *
 * @param identity path of an identity file, beside those of the configuration
 */
export async function readKeys(
  { identities, passphrase, directory }: EncryptionSettings,
  identity: string | undefined,
): Promise<AgeKeys> {
  const files = identity === undefined ? identities : [{ file: resolve(identity) }, ...identities]
  const read = await Promise.all(files.map(where => readIdentities(where, directory)))
  return {
    identities: read.flat(),
    passphrases: passphrase === null ? [] : [await readPassphrase(passphrase, directory)],
  }
}

export const NO_KEYS: AgeKeys = { identities: [], passphrases: [] }

export function hasKeys({ identities, passphrases }: AgeKeys): boolean {
  return identities.length + passphrases.length > 0
}

/** Throws `KEY_REQUIRED`. */
export async function readPassphrase(where: SecretConfig, directory: string): Promise<string> {
  const passphrase = (await readSecret(where, directory)).replace(/\r?\n$/, '')
  if (passphrase !== '') return passphrase
  throw unusable(where, 'it is empty')
}

async function readIdentities(where: SecretConfig, directory: string): Promise<readonly string[]> {
  const parsed = parseIdentities(await readSecret(where, directory))
  if ('identities' in parsed) return parsed.identities
  throw unusable(where, parsed.problem)
}

async function readSecret(where: SecretConfig, directory: string): Promise<string> {
  if ('env' in where) {
    const value = process.env[where.env]
    if (value !== undefined && value !== '') return value
    throw unusable(where, 'it is not set')
  }
  const path = resolve(directory, where.file)
  try {
    await using handle = await open(path, 'r')
    const stats = await handle.stat()
    // Not by its size alone: /dev/stdin and the files of a secrets manager have none.
    if (stats.isDirectory()) throw new Error('it is a directory')
    const bytes = Buffer.alloc(SECRET_BYTES_MAX)
    let got = 0
    for (;;) {
      const { bytesRead } = await handle.read(bytes, got, bytes.length - got, null)
      got += bytesRead
      if (bytesRead === 0) return bytes.toString('utf8', 0, got)
      if (got === bytes.length) throw new Error('it is too long')
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : (error as Error).message
    throw unusable(where, `it cannot be read (${code})`, error)
  }
}

/** The message says where the secret is, never what it is. */
function unusable(where: SecretConfig, why: string, cause?: unknown): BackupError {
  const what = 'env' in where ? `The environment variable ${where.env}` : `The file ${where.file}`
  return new BackupError('KEY_REQUIRED', `${what} gives no key: ${why}`, {
    hint: 'It must hold an identity as chame-backup keys generate or age-keygen writes it, or the passphrase alone.',
    ...(cause === undefined ? {} : { cause }),
  })
}
