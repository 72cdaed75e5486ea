/** Keys to sign with (Ed25519, RFC 8032), in the forms that OpenSSL reads: PKCS #8 in PEM, and the Base64 of the public key. */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'

/** A public key as PEM has it between its two lines: SubjectPublicKeyInfo (RFC 8410, 4), of 44 bytes. */
const PUBLIC_KEY = /^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$/
const PRIVATE_PEM = /-----BEGIN PRIVATE KEY-----(?<body>[\sA-Za-z0-9+/=]+)-----END PRIVATE KEY-----/
const BASE64_ALONE = /^[A-Za-z0-9+/=\s]+$/

/** What signs. */
export interface Signer {
  /** As `signing.trusted` names it. */
  readonly publicKey: string
  readonly key: KeyObject
}

export interface NewSigningKey {
  readonly publicKey: string
  /** PEM, which is secret. */
  readonly pem: string
}

export function newSigningKey(): NewSigningKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  return { publicKey: textOf(publicKey), pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() }
}

/** Whether a text is a public key, in the one form that names it. */
export function isPublicKey(text: string): boolean {
  return PUBLIC_KEY.test(text) && Buffer.from(text, 'base64').toString('base64') === text
}

/** The public key that such a text is. */
export function publicKeyOf(text: string): KeyObject {
  return createPublicKey({ key: Buffer.from(text, 'base64'), format: 'der', type: 'spki' })
}

/** A key to sign with, in PEM, or on one line without its frame; or what is wrong with it, without quoting it. */
export function parseSigningKey(text: string): { readonly signer: Signer } | { readonly problem: string } {
  if (text.includes('ENCRYPTED PRIVATE KEY')) return { problem: 'it is encrypted itself' }
  if (text.includes('PUBLIC KEY') || isPublicKey(text.trim()))
    return { problem: 'it is a public key, not the secret one' }
  const body = PRIVATE_PEM.exec(text)?.groups?.['body'] ?? (BASE64_ALONE.test(text) ? text : '')
  try {
    const key = createPrivateKey({ key: Buffer.from(body, 'base64'), format: 'der', type: 'pkcs8' })
    if (key.asymmetricKeyType !== 'ed25519') return { problem: 'it is a key of another kind than Ed25519' }
    return { signer: { publicKey: textOf(createPublicKey(key)), key } }
  } catch {
    return { problem: 'it is no private key in PEM (PKCS #8)' }
  }
}

function textOf(publicKey: KeyObject): string {
  return publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
}
