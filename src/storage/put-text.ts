import { contentOf } from './source.ts'
import type { Target, TransferOptions } from './target.ts'

/** Puts a small text, in place of what has the key. */
export async function putText(
  target: Target,
  key: string,
  text: string,
  options: TransferOptions,
): Promise<void> {
  await target.put(key, contentOf(Buffer.from(text)), options)
}
