import type { Encoding } from '../catalog/encodings.ts'
import { type Encoder, isStream, openEncoder } from '../encoding/encoding.ts'
import { BackupError } from '../errors.ts'
import type { Context } from './context.ts'

/** What encodes one new backup; the configuration says how, unless `encoding` does. */
export async function encoderFor(encoding: Encoding | undefined, { settings }: Context): Promise<Encoder> {
  const { storing } = settings
  const wanted = encoding ?? storing.encoding
  if (isStream(wanted)) return await openEncoder(wanted, storing)
  throw new BackupError('BACKUP_UNSUPPORTED', `This version cannot store backups as ${wanted}`, {
    hint: 'Choose plain, zstd or zstd+age as encoding.',
  })
}
