import type { Target, TransferOptions } from './target.ts'

/** Puts a small text, in place of what has the key. */
export async function putText(
  target: Target,
  key: string,
  text: string,
  options: TransferOptions,
): Promise<void> {
  const bytes = Buffer.from(text)
  const sizeBytes = bytes.length
  await target.put(key, { sizeBytes, sha256: null, open: from => once(bytes.subarray(from)) }, options)
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes
}
