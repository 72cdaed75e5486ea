import { findSecret, type SecretConfig, type SecretPorts } from '../config/secret.ts'
import { BackupError } from '../errors.ts'
import { lowerFirst } from './target-failure.ts'

/** A secret of a target. Throws `CONFIG_INVALID`. */
export async function readTargetSecret(
  target: string,
  where: string | SecretConfig,
  ports: SecretPorts,
): Promise<string> {
  if (typeof where === 'string') return where
  const found = await findSecret(where, ports)
  if ('text' in found) return found.text
  throw new BackupError('CONFIG_INVALID', `Target ${target}: ${lowerFirst(found.problem)}`, {
    hint: found.hint,
  })
}

/** The same, for one that may be left out. */
export async function readOptionalSecret(
  target: string,
  where: SecretConfig | undefined,
  ports: SecretPorts,
): Promise<string | undefined> {
  return where === undefined ? undefined : readTargetSecret(target, where, ports)
}
