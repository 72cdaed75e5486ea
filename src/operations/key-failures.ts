/** What is said of an encrypted backup that nothing at hand opens. */
import type { BackupInfo } from '../catalog/backup-info.ts'
import type { NoKeyFits } from '../encoding/age/header.ts'
import { BackupError } from '../errors.ts'

export function keyRequired({ path }: BackupInfo): BackupError {
  return new BackupError('KEY_REQUIRED', `The backup is encrypted, and there is no key to open it: ${path}`, {
    hint: 'Give the identity file with --identity (identity), or name it as encryption.identities in the configuration.',
    path,
  })
}

export function keyWrong({ path }: BackupInfo, cause: NoKeyFits): BackupError {
  return new BackupError('KEY_WRONG', `The backup is encrypted to other keys: ${path}`, {
    hint: cause.isPassphrase
      ? 'It was encrypted with a passphrase: name that as encryption.passphrase in the configuration.'
      : 'Give an identity whose public key was among the recipients when it was made.',
    path,
    cause,
  })
}
