/** Giving a finished export its name. */
import { open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { BackupError } from '../../errors.ts'
import { type Durability, syncDirectory } from '../../storage/durable.ts'
import { during } from '../../storage/io-errors.ts'
import { putDirectory, putFile, replaceByDirectory, replaceFile } from '../../storage/put-in-place.ts'
import type { Packing } from './form.ts'

export interface PlaceOrder {
  readonly packing: Packing
  /** The paths to try, one after another, where the name is ours to choose; one where the caller chose it. */
  readonly candidates: (attempt: number) => string
  readonly isChosen: boolean
  /** Whether what is there under the chosen name may be replaced. */
  readonly isForced: boolean
  readonly durability: Durability
}

/** Gives a finished file or directory the first name that is free, and returns its path. */
export async function publish(from: string, order: PlaceOrder): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const path = resolve(order.candidates(attempt))
    if (await moveTo(from, path, order)) {
      await syncDirectory(dirname(path), order.durability)
      return path
    }
    if (order.isChosen) throw taken(path)
  }
}

/** False when the name is taken and may not be replaced. */
async function moveTo(from: string, path: string, { packing, isForced }: PlaceOrder): Promise<boolean> {
  const isDirectory = packing === 'directory'
  if (!isForced) return await (isDirectory ? putDirectory(from, path) : putFile(from, path))
  await (isDirectory ? replaceByDirectory(from, path) : replaceFile(from, path))
  return true
}

export async function sizeOf(path: string): Promise<number> {
  return during('read', path, async () => {
    await using handle = await open(path, 'r')
    return (await handle.stat()).size
  })
}

export function taken(path: string): BackupError {
  return new BackupError('INVALID_ARGUMENT', `There is something already: ${path}`, {
    hint: 'Choose another place with --output (output), or replace it with --force (force: true).',
    path,
  })
}
