/** A pack holds so many bytes of pages at most, so that what is lost with one, or rewritten, is bounded. */
export const PACK_BYTES_MAX: number = 64 << 20
