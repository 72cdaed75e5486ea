import type { Encoding } from '../catalog/encodings.ts'
import { type Encoder, isStream, openEncoder } from '../encoding/encoding.ts'
import type { Context } from './context.ts'

/** Stores an image page by page in packs that all backups share: see src/blocks. */
export interface BlocksEncoder {
  readonly encoding: 'blocks'
}

export type BackupEncoder = Encoder | BlocksEncoder

const BLOCKS: BlocksEncoder = { encoding: 'blocks' }

/** What encodes one new backup; the configuration says how, unless `encoding` does. */
export async function encoderFor(
  encoding: Encoding | undefined,
  { settings }: Context,
): Promise<BackupEncoder> {
  const { storing } = settings
  const wanted = encoding ?? storing.encoding
  return isStream(wanted) ? await openEncoder(wanted, storing) : BLOCKS
}
