import { BackupError } from '../errors.ts'
import type { Target } from './target.ts'

/**
 * A small object as a whole. Throws `OBJECT_NOT_FOUND`, and `OBJECT_DAMAGED` for one that is larger than `bytesMax`: what
 * a target holds was perhaps not written by us.
 */
export async function readObject(
  target: Target,
  key: string,
  { signal, bytesMax }: { readonly signal: AbortSignal; readonly bytesMax: number },
): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let sizeBytes = 0
  for await (const part of target.get(key, { signal })) {
    sizeBytes += part.length
    if (sizeBytes > bytesMax) throw tooLarge(target, key, bytesMax)
    parts.push(part)
  }
  return Buffer.concat(parts)
}

function tooLarge({ name }: Target, key: string, bytesMax: number): BackupError {
  return new BackupError(
    'OBJECT_DAMAGED',
    `Larger than the ${bytesMax} bytes that it may have: ${name}:${key}`,
    {
      hint: 'Somebody else wrote it. Look at what lies at the target, and remove it there.',
    },
  )
}
