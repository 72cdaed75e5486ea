/** The keys that are tried, each by itself. */
import { resolve } from 'node:path'
import { type AgeKeys, NoKeyFits, openHeader } from '../../encoding/age/header.ts'
import { hasKeys, readKeys } from '../../encoding/keys.ts'
import type { EncryptionSettings } from '../../encoding/settings.ts'
import { BackupError } from '../../errors.ts'

/** Where keys are that were named for this: then those of the configuration are left aside. */
export interface NamedKeys {
  readonly identity?: string | undefined
  readonly passphraseFile?: string | undefined
}

/** Throws `KEY_REQUIRED` when there is none, or one cannot be read. */
export async function readNamedKeys(
  { identity, passphraseFile }: NamedKeys,
  encryption: EncryptionSettings,
): Promise<AgeKeys> {
  const isNamed = identity !== undefined || passphraseFile !== undefined
  const keys = isNamed
    ? await readKeys(
        {
          recipients: [],
          identities: identity === undefined ? [] : [{ file: resolve(identity) }],
          passphrase: passphraseFile === undefined ? null : { file: resolve(passphraseFile) },
          directory: encryption.directory,
        },
        undefined,
      )
    : await readKeys(encryption, undefined)
  if (hasKeys(keys)) return { ...keys, identities: [...new Set(keys.identities)] }
  throw new BackupError('KEY_REQUIRED', 'There is no key to try', {
    hint: 'Give the identity file with --identity (identity), or a file with the passphrase with --passphrase-file (passphraseFile).',
  })
}

/** Those of `keys` one by one, identities first. */
export function each({ identities, passphrases }: AgeKeys): readonly AgeKeys[] {
  return [
    ...identities.map(identity => ({ identities: [identity], passphrases: [] })),
    ...passphrases.map(passphrase => ({ identities: [], passphrases: [passphrase] })),
  ]
}

/** Which of the keys open a header, by their index. Throws `Undecodable`. */
export async function openersOf(header: Uint8Array, keys: readonly AgeKeys[]): Promise<number[]> {
  const openers: number[] = []
  for (const [index, key] of keys.entries()) if (await opens(header, key)) openers.push(index)
  return openers
}

async function opens(header: Uint8Array, key: AgeKeys): Promise<boolean> {
  try {
    await openHeader(header, key)
    return true
  } catch (error) {
    if (error instanceof NoKeyFits) return false
    throw error
  }
}
