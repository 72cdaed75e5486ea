import { readFile, stat } from 'node:fs/promises'
import { unlessMissing } from '../storage/io-errors.ts'
import type { BackupInfo } from './backup-info.ts'

type MetadataFields = Pick<BackupInfo, 'metadata' | 'metadataState' | 'metadataProblem'>

/** What a metadata file says of its backup. */
export async function readMetadata(path: string): Promise<MetadataFields> {
  const text = await unlessMissing(path, () => readRegularFile(path))
  if (text === null) return { metadata: null, metadataState: 'missing', metadataProblem: null }
  const { parseMetadata } = await import('./parse-metadata.ts')
  const parsed = parseMetadata(text)
  return 'metadata' in parsed
    ? { metadata: parsed.metadata, metadataState: 'ok', metadataProblem: null }
    : { metadata: null, metadataState: 'invalid', metadataProblem: parsed.problem }
}

/** The text of a file; none for a FIFO, whose reading would never end, or a directory. */
async function readRegularFile(path: string): Promise<string> {
  return (await stat(path)).isFile() ? readFile(path, 'utf8') : ''
}
