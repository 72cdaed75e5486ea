/**
 * What a signature is over: the facts of a backup's metadata that say which backup it is, and that nothing changes once it
 * is made. The file name follows from them, but for the number that tells backups of one second apart: so a copy that gets
 * another number at a target keeps its signature.
 */
import { ENCODINGS } from '../catalog/encodings.ts'
import type { Metadata } from '../catalog/metadata.ts'
import { backupFilename, countOf, isDatabaseName, isType } from '../catalog/names.ts'

const FIRST_LINE = 'chame-backup signature 1'

const isBytes = (text: string): boolean => /^\d{1,16}$/.test(text)
const isSha256 = (text: string): boolean => /^[0-9a-f]{64}$/.test(text)

/** In their order. Each is of a form without line breaks, so that no two backups have one text. */
const FACTS = [
  ['database', isDatabaseName],
  ['backup_type', isType],
  ['timestamp', (text: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text)],
  ['created_at', (text: string) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text)],
  ['encoding', (text: string) => ENCODINGS.some(encoding => encoding === text)],
  ['file_size', isBytes],
  ['checksum', isSha256],
  ['image_size', isBytes],
  ['image_checksum', isSha256],
] as const satisfies readonly (readonly [keyof Metadata, (text: string) => boolean])[]

/** The text, as docs/formats.md has it; null for metadata that lacks one of the facts, or has it in another form. */
export function signedText(metadata: Metadata): string | null {
  const lines = [FIRST_LINE]
  for (const [key, isOfItsForm] of FACTS) {
    const text = String(metadata[key] ?? '')
    if (!isOfItsForm(text)) return null
    lines.push(`${key}: ${text}`)
  }
  return `${lines.join('\n')}\n`
}

/** Whether a file name is the one that the facts lead to, whatever its number is. */
export function isNamedBy(
  filename: string,
  { database, backup_type, timestamp, encoding }: Metadata,
): boolean {
  const compact = timestamp.replaceAll(/[-:]/g, '').replace('T', '_')
  const time = { compact, timestamp }
  return filename === backupFilename(database ?? '', backup_type, time, countOf(filename), encoding)
}
