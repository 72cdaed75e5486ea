import { during } from '../storage/io-errors.ts'
import { statOf, textOf } from '../storage/looks.ts'
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
  return during('read', path, async () => {
    const stats = await statOf(path)
    if (stats === null) return null
    return stats.isFile() ? await textOf(path) : ''
  })
}

/** What metadata says, wherever it was read. */
export async function metadataFieldsOf(text: string): Promise<MetadataFields> {
  return (await metadataReader())(text)
}

/** What reads the text of metadata: loaded when it is needed first. */
export async function metadataReader(): Promise<(text: string) => MetadataFields> {
  const { parseMetadata } = await import('./parse-metadata.ts')
  return text => {
    const parsed = parseMetadata(text)
    return 'metadata' in parsed
      ? { metadata: parsed.metadata, metadataState: 'ok', metadataProblem: null }
      : { metadata: null, metadataState: 'invalid', metadataProblem: parsed.problem }
  }
}
