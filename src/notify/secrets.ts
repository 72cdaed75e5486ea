/** Secrets of channels, read anew for each event: a rotated one is used from then on, and none is kept in memory. */
import { findSecret, nameOfSecret, type SecretConfig, type SecretPorts } from '../config/secret.ts'
import { Undelivered } from './undelivered.ts'

export type { SecretPorts } from '../config/secret.ts'

/** Shorter ones can be guessed. */
const KEY_BYTES_MIN = 16

/** The text of a secret without the line break at its end, or what the configuration says itself. Throws {@link Undelivered}. */
export async function readSecret(where: string | SecretConfig, ports: SecretPorts): Promise<string> {
  if (typeof where === 'string') return where
  const found = await findSecret(where, ports)
  if ('text' in found) return found.text
  throw noSecret(found.problem, found.hint)
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

export function noSecret(message: string, hint: string): Undelivered {
  return new Undelivered('no-secret', message, { hint })
}
