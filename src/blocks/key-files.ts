/** The age files in packs, and what they hold. */
import { type AgeKeys, NoKeyFits } from '../encoding/age/header.ts'
import { openBytes } from '../encoding/age/small-file.ts'
import { sha256 } from './restore-point.ts'

/**
 * Opens the age file of a pack. Throws `NoKeyFits` when none of the keys does, or there is none, and `Undecodable` for
 * what is no age file.
 */
export type OpenKeyFile = (file: Buffer) => Promise<Buffer>

/**
 * Opens with keys that are read when the first file is to be opened. Packs of one backup have one file in common, and
 * with a passphrase each takes a tenth of a second: what was opened once is remembered.
 */
export function openKeyFilesWith(keys: () => Promise<AgeKeys>): OpenKeyFile {
  let read: Promise<AgeKeys> | null = null
  const opened = new Map<string, Promise<Buffer>>()
  return async file => {
    read ??= keys()
    const { identities, passphrases } = await read
    if (identities.length + passphrases.length === 0) throw new NoKeyFits({ isPassphrase: false })
    const name = sha256(file).toString('hex')
    const opening = opened.get(name) ?? openBytes(file, { identities, passphrases })
    opened.set(name, opening)
    return await opening
  }
}

/** For whoever has no key, and needs none. */
export const openNothing: OpenKeyFile = () => Promise.reject(new NoKeyFits({ isPassphrase: false }))
