/** Text as SQLite has it: bytes in the database's encoding, which may be none of it, or hold a NUL. */
import { isUtf8 } from 'node:buffer'
import type { DatabaseEncoding } from './encoder.ts'

/** What SQLite makes another character of when it turns UTF-8 into UTF-16. */
const NOT_TURNED = /[\ufffe\uffff]/

/** Null for bytes that are not valid in the encoding, or that SQLite would not make of UTF-8 again. */
export function decodeText(bytes: Uint8Array, encoding: DatabaseEncoding): string | null {
  const buffer = bufferOf(bytes)
  if (encoding === 'UTF-8') return isUtf8(buffer) ? buffer.toString('utf8') : null
  if (buffer.length % 2 === 1) return null
  const text = (encoding === 'UTF-16le' ? buffer : Buffer.from(buffer).swap16()).toString('utf16le')
  return text.isWellFormed() && !NOT_TURNED.test(text) ? text : null
}

/** The same where the text can stand in a literal: SQL ends at a NUL, and what is not valid would not survive an editor. */
export function decodePlain(bytes: Uint8Array, encoding: DatabaseEncoding): string | null {
  const text = decodeText(bytes, encoding)
  return text?.includes('\0') === true ? null : text
}

/** A text by its bytes in the database's encoding, as SQL. */
export function castText(bytes: Uint8Array): string {
  return `CAST(X'${bufferOf(bytes).toString('hex').toUpperCase()}' AS TEXT)`
}

export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
