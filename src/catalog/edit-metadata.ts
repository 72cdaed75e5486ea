import type { Metadata } from './metadata.ts'

/** What `JSON.parse` and `JSON.stringify` do with numbers as they are written, which TypeScript does not know yet. */
interface SourceText {
  readonly source?: string
}
declare global {
  interface JSON {
    rawJSON(text: string): unknown
  }
}

/**
 * The text of a metadata file with some keys changed, or taken out where they are undefined. All others stay,
 * known or not, with their numbers digit for digit: a newer version's metadata survives an older one's edit.
 */
export function editMetadata(text: string, keys: Partial<Metadata>): string {
  const keep = (_key: string, value: unknown, { source }: SourceText = {}): unknown =>
    typeof value === 'number' && source !== undefined && String(value) !== source
      ? JSON.rawJSON(source)
      : value
  const metadata = JSON.parse(text, keep) as Metadata
  return `${JSON.stringify({ ...metadata, ...keys }, null, 2)}\n`
}
