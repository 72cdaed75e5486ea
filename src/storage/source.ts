/** Telling what went wrong with the bytes that are put from what went wrong with the target. */
import { createHash } from 'node:crypto'
import type { Content } from './target.ts'

/** The source of the bytes failed; the target has nothing to do with it. Its cause is what is told. */
export class SourceFailed extends Error {
  override readonly name = 'SourceFailed'

  constructor(cause: unknown) {
    super('the content could not be read', { cause })
  }
}

/**
 * The same content, with its own errors wrapped as {@link SourceFailed}. Read from its beginning it is compared with the
 * hash that it says it has: what changed since that was taken fails at its end, before it gets a name.
 */
export function markFailures(content: Content, changed: () => Error): Content {
  const { sizeBytes, sha256 } = content
  return {
    sizeBytes,
    sha256,
    async *open(from) {
      const hash = from === 0 && sha256 !== null ? createHash('sha256') : null
      try {
        for await (const chunk of content.open(from)) {
          hash?.update(chunk)
          yield chunk
        }
        if (hash !== null && hash.digest('hex') !== sha256) throw changed()
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
