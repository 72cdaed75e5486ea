/** Less is not worth the call, and may share its memory with others. */
const FREED_MIN_BYTES = 4 << 10

/**
 * Gives back the memory of a large value that nobody needs any more, and that has its memory for itself. The garbage
 * collector sees only the small object in front of it, so it would let hundreds of megabytes pile up.
 */
export function freeBytes({ byteLength, buffer }: Uint8Array): void {
  if (byteLength >= FREED_MIN_BYTES && byteLength === buffer.byteLength && buffer instanceof ArrayBuffer)
    buffer.transfer(0)
}
