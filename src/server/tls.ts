/** The certificate that a server is started with. */
import { readFile } from 'node:fs/promises'
import { createSecureContext } from 'node:tls'
import { BackupError } from '../index.ts'
import type { ListenOptions } from './listen.ts'

/** Null where neither is given. Throws `INVALID_ARGUMENT` for one of the two, files that cannot be read, or are not a pair. */
export async function readTls(
  certPath: string | undefined,
  keyPath: string | undefined,
): Promise<ListenOptions['tls']> {
  if (certPath === undefined && keyPath === undefined) return null
  if (certPath === undefined || keyPath === undefined) {
    throw new BackupError('INVALID_ARGUMENT', 'TLS needs a certificate and its key', {
      hint: 'Give both: --tls-cert and --tls-key.',
    })
  }
  const tls = { cert: await read(certPath), key: await read(keyPath) }
  try {
    createSecureContext(tls)
    return tls
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new BackupError(
      'INVALID_ARGUMENT',
      `Not a certificate and its key (${why}): ${certPath}, ${keyPath}`,
      {
        hint: 'Give files in PEM, of one pair, with the certificates between yours and the root in the first.',
        cause,
      },
    )
  }
}

async function read(path: string): Promise<Buffer> {
  try {
    return await readFile(path)
  } catch (cause) {
    const { code = 'unknown' } = cause as NodeJS.ErrnoException
    throw new BackupError('INVALID_ARGUMENT', `Could not be read (${code}): ${path}`, {
      hint: 'Check --tls-cert and --tls-key, and whether the server’s user may read them.',
      path,
      cause,
    })
  }
}
