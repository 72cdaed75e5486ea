/** Where the packs of a backup directory lie. */
import { chmod, lstat, rename } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { blocksDirectory } from '../catalog/layout.ts'
import { type Durability, makeDirectory, namesIn, syncDirectory, syncFile } from '../storage/durable.ts'
import { during, unlessMissing } from '../storage/io-errors.ts'
import { exactLstatOf } from '../storage/looks.ts'
import type { WrittenPack } from './pack-writer.ts'

/** One store of packs, for all databases of a backup directory. */
export interface BlockStore {
  readonly backupDir: string
  readonly durability: Durability
  readonly fileMode: number
  readonly directoryMode: number
}

/** A pack's file, as a listing finds it. */
export interface ListedPack {
  readonly id: string
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedMs: number
}

const PREFIX = /^[0-9a-f]{2}$/
const PACK_NAME = /^(?<id>[0-9a-f]{64})\.pack$/

export function packPath(store: Pick<BlockStore, 'backupDir'>, id: string): string {
  return join(blocksDirectory(store.backupDir), id.slice(0, 2), `${id}.pack`)
}

/** Every pack's file, in no order. What else lies there is not listed. */
export async function listPacks(store: Pick<BlockStore, 'backupDir'>): Promise<ListedPack[]> {
  const packs: ListedPack[] = []
  for (const prefix of (await namesIn(blocksDirectory(store.backupDir))).filter(name => PREFIX.test(name))) {
    const directory = join(blocksDirectory(store.backupDir), prefix)
    for (const name of await namesIn(directory)) {
      const id = PACK_NAME.exec(name)?.groups?.['id']
      if (id === undefined || !id.startsWith(prefix)) continue
      const path = join(directory, name)
      const stats = await unlessMissing(path, () => lstat(path))
      if (stats?.isFile() !== true) continue
      packs.push({ id, path, sizeBytes: stats.size, modifiedMs: stats.mtimeMs })
    }
  }
  return packs
}

/** Whether a pack's file is there. What is in it is another question. */
export async function hasPack(store: Pick<BlockStore, 'backupDir'>, id: string): Promise<boolean> {
  const path = packPath(store, id)
  const stats = await during('read', path, () => exactLstatOf(path))
  return stats?.isFile() === true && stats.size > 0n
}

/**
 * Gives packs their names, durably: once this resolves, a restore point may rely on them. One that has the name
 * already holds the same pages or fewer, and is replaced.
 */
export async function publishPacks(packs: readonly WrittenPack[], store: BlockStore): Promise<void> {
  const { durability, directoryMode, fileMode } = store
  await Promise.all(
    packs.map(async ({ file }) => {
      await during('set the mode of', file, () => chmod(file, fileMode))
      await syncFile(file, durability)
    }),
  )
  for (const { file, id } of packs) {
    const path = packPath(store, id)
    await makeDirectory(dirname(path), directoryMode, durability)
    await during('rename', path, () => rename(file, path))
  }
  await settlePacks(
    packs.map(({ id }) => id),
    store,
  )
}

/**
 * Makes the names of packs durable: also those that a killed writer has given and not flushed, and that of a directory
 * that it has made.
 */
export async function settlePacks(ids: Iterable<string>, store: BlockStore): Promise<void> {
  const directories = new Set([...ids].map(id => dirname(packPath(store, id))))
  if (directories.size === 0) return
  for (const directory of [...directories, blocksDirectory(store.backupDir)])
    await syncDirectory(directory, store.durability)
}
