/** Secrets of channels, read anew for each event: a rotated one is used from then on, and none is kept in memory. */
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { SecretConfig } from '../config/notify.ts'
import { Undelivered } from './undelivered.ts'

export interface SecretPorts {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where relative paths of secret files start. */
  readonly directory: string
}

/** No key or URL is longer; a path that leads to a disk must not be read to its end. */
const SECRET_BYTES_MAX = 16_384
/** Shorter ones can be guessed. */
const KEY_BYTES_MIN = 16

/** The text of a secret without the line break at its end, or what the configuration says itself. Throws {@link Undelivered}. */
export async function readSecret(
  where: string | SecretConfig,
  { environment, directory }: SecretPorts,
): Promise<string> {
  if (typeof where === 'string') return where
  if ('file' in where) return readSecretFile(resolve(directory, where.file))
  const value = environment[where.env]?.trim() ?? ''
  if (value !== '') return value
  throw noSecret(
    `The environment variable ${where.env} is not set`,
    'Set it where chame-backup and its scheduler run.',
  )
}

/** A secret that is sent in a header. */
export async function readToken(where: SecretConfig, ports: SecretPorts): Promise<string> {
  const token = await readSecret(where, ports)
  if (/^[\x21-\x7e]+$/.test(token)) return token
  throw noSecret(
    `The secret in ${nameOfSecret(where)} contains spaces or characters other than ASCII`,
    'A token is one word; look whether the variable or file holds anything else.',
  )
}

/** The key that a signing secret stands for: `whsec_` and base64, as Standard Webhooks has them, or any text. */
export async function readSigningKey(where: SecretConfig, ports: SecretPorts): Promise<Buffer> {
  const secret = await readSecret(where, ports)
  const key = secret.startsWith('whsec_')
    ? Buffer.from(secret.slice('whsec_'.length), 'base64')
    : Buffer.from(secret)
  if (key.length >= KEY_BYTES_MIN) return key
  throw noSecret(
    `The secret in ${nameOfSecret(where)} is too short to sign with`,
    `It must be ${KEY_BYTES_MIN} bytes at least. Make one with: echo "whsec_$(openssl rand -base64 32)"`,
  )
}

/** An http or https URL, which may be a secret as a whole. */
export async function readUrl(where: string | SecretConfig, ports: SecretPorts): Promise<URL> {
  const url = URL.parse(await readSecret(where, ports))
  if (url !== null && (url.protocol === 'https:' || url.protocol === 'http:')) return url
  throw noSecret(
    `${typeof where === 'string' ? 'The url' : `The secret in ${nameOfSecret(where)}`} is not an http or https URL`,
    'Copy it again from where it was given out, from "https://" to its end.',
  )
}

async function readSecretFile(path: string): Promise<string> {
  try {
    await using handle = await open(path, 'r')
    if (!(await handle.stat()).isFile()) throw new Error('not a file')
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(SECRET_BYTES_MAX), 0, SECRET_BYTES_MAX, 0)
    const text = buffer.toString('utf8', 0, bytesRead).trim()
    if (text !== '' && bytesRead < SECRET_BYTES_MAX) return text
  } catch {
    throw noSecret(`The secret file cannot be read: ${path}`, 'Check its path and who may read it.')
  }
  throw noSecret(
    `The secret file is empty, or no secret: ${path}`,
    'It must hold the secret and nothing else.',
  )
}

function nameOfSecret(where: SecretConfig): string {
  return 'env' in where ? `the environment variable ${where.env}` : `the file ${where.file}`
}

export function noSecret(message: string, hint: string): Undelivered {
  return new Undelivered('no-secret', message, { hint })
}
