/** Opening what is stored in other forms, by the means that docs/formats.md names, and without the product. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { zstdDecompressSync } from 'node:zlib'

const RECOVER = fileURLToPath(new URL('../../recover.mjs', import.meta.url))

/**
 * Makes the file `to` of the image that is stored at `path`; answers where the image is. Throws when it cannot be opened.
 *
 * @param keyPath the identity that it is encrypted to, where it is
 */
export function openStored(path: string, keyPath: string, to: string): string {
  if (path.endsWith('.db')) return path
  if (path.endsWith('.blocks')) {
    const packs = join(dirname(dirname(path)), 'blocks')
    answerOf(process.execPath, [RECOVER, path, packs, to, ...(existsSync(keyPath) ? [keyPath] : [])])
    return to
  }
  const stored = path.endsWith('.age')
    ? answerOf('age', ['--decrypt', '--identity', keyPath, path])
    : readFileSync(path)
  writeFileSync(to, zstdDecompressSync(stored))
  return to
}

function answerOf(command: string, args: readonly string[]): Buffer {
  const { status, stdout, stderr, error } = spawnSync(command, args, { maxBuffer: 1 << 26 })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${error?.message ?? stderr.toString()}`)
  return stdout
}
