/**
 * The checksum of WAL frames and of the WAL index header: two sums over pairs of 32-bit words.
 * Source: sqlite.org/fileformat2.html, section 4.2.
 */
export interface WalSum {
  readonly first: number
  readonly second: number
}

/**
 * Continues `sum` over `bytes`, whose length is a multiple of 8.
 *
 * @param isNative whether the words are in this machine's byte order; a WAL says in its magic number
 * which order it was written in
 */
export function walChecksum(bytes: Buffer, sum: WalSum, isNative: boolean): WalSum {
  const words = wordsOf(isNative ? bytes : Buffer.from(bytes).swap32())
  let first = sum.first | 0
  let second = sum.second | 0
  for (let i = 0; i < words.length; i += 2) {
    first = (first + (words[i] as number) + second) | 0
    second = (second + (words[i + 1] as number) + first) | 0
  }
  return { first: first >>> 0, second: second >>> 0 }
}

function wordsOf(bytes: Buffer): Uint32Array {
  // A Uint32Array starts at a multiple of 4; a slice that does not is copied to one that does.
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Buffer.from(new Uint8Array(bytes).buffer)
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4)
}
