/** Files of what was seen at targets, in the backup directory. Never a truth: whatever happens to one, it is made anew. */
import { randomBytes } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import {
  type Durability,
  makeDirectory,
  namesIn,
  removeFile,
  renameDurably,
  writeNewFile,
} from '../storage/durable.ts'
import { unlessMissing } from '../storage/io-errors.ts'

/** Behind the name of a file that is being written. */
const HALF = /^\.[0-9a-f]{12}$/
/** Nobody writes it for so long. */
const ABANDONED_MS = 3_600_000

interface CacheForm extends Durability {
  readonly fileMode: number
  readonly directoryMode: number
}

/** What costs nothing but time to make anew is not flushed. */
const PRIVATE: CacheForm = { fileMode: 0o600, directoryMode: 0o700, isDurable: false }

/** Replaces the file in one step, and removes what killed writers of it have left. */
export async function writeCacheFile(
  path: string,
  text: string,
  now: Date,
  form: CacheForm = PRIVATE,
): Promise<void> {
  await makeDirectory(dirname(path), form.directoryMode, form)
  await removeAbandoned(path, now)
  const file = `${path}.${randomBytes(6).toString('hex')}`
  try {
    await writeNewFile(file, text, form.fileMode, form)
    await renameDurably(file, path, form)
  } catch (error) {
    await removeFile(file).catch(() => {})
    throw error
  }
}

async function removeAbandoned(path: string, now: Date): Promise<void> {
  const [directory, name] = [dirname(path), basename(path)]
  const isHalf = (each: string): boolean => each.startsWith(name) && HALF.test(each.slice(name.length))
  for (const half of (await namesIn(directory)).filter(isHalf)) {
    const file = join(directory, half)
    // Whoever writes one may put it in its place meanwhile.
    const found = await unlessMissing(file, () => stat(file))
    if (found !== null && now.getTime() - found.mtimeMs > ABANDONED_MS) await removeFile(file)
  }
}
