import { readFile, stat } from 'node:fs/promises'
import { unlessMissing } from '../storage/io-errors.ts'
import type { MetadataFields } from './backup-of.ts'

/** What a metadata file says of its backup. */
export async function readMetadata(path: string): Promise<MetadataFields> {
  const text = await readMetadataText(path)
  return text === null
    ? { metadata: null, metadataState: 'missing', metadataProblem: null }
    : await metadataFieldsOf(text)
}

/** The text of a metadata file; null when there is none, empty for a FIFO, whose reading would never end, or a directory. */
export function readMetadataText(path: string): Promise<string | null> {
  return unlessMissing(path, async () => ((await stat(path)).isFile() ? readFile(path, 'utf8') : ''))
}

/** What metadata says, wherever it was read. */
export async function metadataFieldsOf(text: string): Promise<MetadataFields> {
  const { parseMetadata } = await import('./parse-metadata.ts')
  const parsed = parseMetadata(text)
  return 'metadata' in parsed
    ? { metadata: parsed.metadata, metadataState: 'ok', metadataProblem: null }
    : { metadata: null, metadataState: 'invalid', metadataProblem: parsed.problem }
}
