/** Keys to encrypted packs. */
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { openKeyFilesWith, type OpenKeyFile } from '../../src/blocks/key-files.ts'

export interface Key {
  readonly identity: string
  readonly recipient: string
  readonly open: OpenKeyFile
}

export async function newKey(): Promise<Key> {
  return await keyOf(await generateX25519Identity())
}

export async function keyOf(identity: string): Promise<Key> {
  const open = openKeyFilesWith(async () => ({ identities: [identity], passphrases: [] }))
  return { identity, recipient: await identityToRecipient(identity), open }
}

export function openPassphrase(passphrase: string): OpenKeyFile {
  return openKeyFilesWith(async () => ({ identities: [], passphrases: [passphrase] }))
}
