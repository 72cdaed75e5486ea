/** Telling what went wrong with the bytes that are put from what went wrong with the target. */
import type { Content } from './target.ts'

/** The source of the bytes failed; the target has nothing to do with it. Its cause is what is told. */
export class SourceFailed extends Error {
  override readonly name = 'SourceFailed'

  constructor(cause: unknown) {
    super('the content could not be read', { cause })
  }
}

/** The same content, with its own errors wrapped as {@link SourceFailed}. */
export function markFailures(content: Content): Content {
  return {
    sizeBytes: content.sizeBytes,
    sha256: content.sha256,
    async *open(from) {
      try {
        yield* content.open(from)
      } catch (error) {
        throw new SourceFailed(error)
      }
    },
  }
}

export function contentOf(bytes: Uint8Array, sha256: string | null = null): Content {
  return {
    sizeBytes: bytes.length,
    sha256,
    async *open(from) {
      yield bytes.subarray(from)
    },
  }
}
