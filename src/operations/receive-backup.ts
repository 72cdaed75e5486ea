/** Taking a backup's bytes from a stream, into a file of our own, before anything is made of them. */
import { accessDirectory } from '../access/access-file.ts'
import { WorkDirectory } from '../catalog/work-directory.ts'
import type { Settings } from '../config/settings.ts'
import { cancellable } from '../encoding/bytes.ts'
import { makeDirectory } from '../storage/durable.ts'
import { during } from '../storage/io-errors.ts'
import { writeBytes } from '../storage/write-bytes.ts'
import { recognised, withRoom } from './added-file.ts'

/**
 * Calls `use` with the path of a file that holds what the stream gave, and removes it after that. A stream that does not begin
 * like a file that can be added is refused at its first bytes, one that would fill the disk before it does.
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
  const path = work.file('received')
  await during('write', path, () =>
    writeBytes(path, cancellable(withRoom(recognised(bytes), directory, 'what is being sent'), signal)),
  )
  return await use(path)
}
