/** Taking a backup's bytes from a stream, into a file of our own, before anything is made of them. */
import { open } from 'node:fs/promises'
import { WorkDirectory } from '../catalog/work-directory.ts'
import type { Settings } from '../config/settings.ts'
import { BackupError, throwIfCancelled } from '../errors.ts'
import { freeBytes, makeDirectory } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { accessDirectory } from '../access/access-file.ts'

const MAGIC = 'SQLite format 3\0'
/** How often the free space is looked at again. */
const SPACE_STEP_BYTES = 64 << 20
/** What others on the disk are left. */
const SPACE_RESERVE_BYTES = 64 << 20

/**
 * Calls `use` with the path of a file that holds what the stream gave, and removes it after that. A stream that does not begin
 * like a database is refused at its first bytes, one that would fill the disk before it does.
 */
export async function withReceived<Result>(
  bytes: AsyncIterable<Uint8Array>,
  settings: Settings,
  signal: AbortSignal,
  use: (path: string) => Promise<Result>,
): Promise<Result> {
  const directory = accessDirectory(settings.backupDir)
  const durability = { isDurable: !settings.disposable }
  await makeDirectory(settings.backupDir, settings.directoryMode, durability)
  await makeDirectory(directory, 0o700, durability)
  await using work = await WorkDirectory.open(directory, signal)
  const path = work.file('received.db')
  await during('write', path, async () => {
    await using handle = await open(path, 'wx', 0o600)
    let size = 0
    let checkedUpTo = 0
    let head = ''
    for await (const chunk of bytes) {
      throwIfCancelled(signal)
      if (head.length < MAGIC.length) {
        head += Buffer.from(chunk.subarray(0, MAGIC.length - head.length)).toString('latin1')
        if (!MAGIC.startsWith(head)) throw notADatabase()
      }
      if (size >= checkedUpTo) {
        await requireRoom(directory)
        checkedUpTo = size + SPACE_STEP_BYTES
      }
      // A full disk shows first as a short write without an error.
      for (let done = 0; done < chunk.length;) {
        done += (await handle.write(chunk, done, chunk.length - done, size + done)).bytesWritten
      }
      size += chunk.length
    }
    if (head !== MAGIC) throw notADatabase()
  })
  return await use(path)
}

/** It is copied once more when it is added. */
async function requireRoom(directory: string): Promise<void> {
  if ((await freeBytes(directory)) > SPACE_STEP_BYTES + SPACE_RESERVE_BYTES) return
  throw new BackupError(
    'INSUFFICIENT_SPACE',
    `Insufficient disk space for what is being sent: ${directory}`,
    {
      hint: 'Free some space there, or choose another backup directory.',
      path: directory,
    },
  )
}

function notADatabase(): BackupError {
  return new BackupError('BACKUP_UNSUPPORTED', 'Only a plain database can be added, and this is none', {
    hint: 'Decompress or decrypt it first; docs/formats.md says how.',
  })
}
