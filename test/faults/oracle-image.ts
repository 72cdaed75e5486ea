/**
 * Opens stored images without the product: with SQLite, with zstd as Node has it, with `age`, and with recover.mjs,
 * which shares no code with the product.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { zstdDecompressSync } from 'node:zlib'
import { assertIntact } from '../support/intact.ts'

/** Below a scene with backups that are encrypted: what opens them. */
export const KEY = 'key.txt'

const RECOVER = fileURLToPath(new URL('../../recover.mjs', import.meta.url))
/** What was found in images that are not plain, by all the bytes that they are made of: most points leave the same. */
const known = new Map<string, number>()

/**
 * The commit that a stored image holds; throws when it is not whole.
 *
 * @param keyPath what opens it where it is encrypted
 */
export function commitIn(path: string, keyPath: string): number {
  if (path.endsWith('.db')) return assertIntact(path).commits
  const content = [readFileSync(path), ...(path.endsWith('.blocks') ? packsOf(path) : [])]
  const hash = content.reduce((all, bytes) => all.update(bytes), createHash('sha256')).digest('hex')
  const commits = known.get(hash) ?? openedBy(path, keyPath)
  known.set(hash, commits)
  return commits
}

function openedBy(path: string, keyPath: string): number {
  const directory = mkdtempSync(join(tmpdir(), 'chame-look-'))
  try {
    const image = join(directory, 'image.db')
    if (path.endsWith('.blocks')) answerOf(process.execPath, [RECOVER, path, packsBeside(path), image])
    else writeFileSync(image, zstdDecompressSync(compressed(path, keyPath)))
    return assertIntact(image).commits
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function compressed(path: string, keyPath: string): Buffer {
  return path.endsWith('.age')
    ? answerOf('age', ['--decrypt', '--identity', keyPath, path])
    : readFileSync(path)
}

function answerOf(command: string, args: readonly string[]): Buffer {
  const { status, stdout, stderr, error } = spawnSync(command, args, { maxBuffer: 1 << 26 })
  if (status !== 0) throw new Error(`${command}: ${error?.message ?? stderr.toString()}`)
  return stdout
}

function packsBeside(path: string): string {
  return join(dirname(dirname(path)), 'blocks')
}

function packsOf(path: string): Buffer[] {
  const names = readdirSync(packsBeside(path), { recursive: true, encoding: 'utf8' })
  return names
    .filter(name => name.endsWith('.pack'))
    .toSorted()
    .map(name => readFileSync(join(packsBeside(path), name)))
}
