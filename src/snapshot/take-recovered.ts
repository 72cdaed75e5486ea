/**
 * Taking an image of a database that a killed process left with a hot journal. Rolling it back in place
 * would write the database; so it is copied together with its journal, and SQLite recovers the copy.
 */
import { rm } from 'node:fs/promises'
import { copyWhole } from './copy-file.ts'
import { changing, openIfThere, RawFile } from './source-files.ts'
import type { TakenImage, TakeOptions } from './taken-image.ts'
import { takeFromRollbackMode } from './take-rollback.ts'

export async function takeRecovered(database: string, options: TakeOptions): Promise<TakenImage> {
  const { sqlite, signal, file, onSize } = options
  const scratch = `${file}.recovering`
  using main = new RawFile(database)
  using journal = openIfThere(`${database}-journal`)
  // Somebody else has rolled it back since; an ordinary try will do.
  if (journal === null) throw changing(database)
  const versions = (): string => `${main.version} ${journal.version}`
  const before = versions()
  await onSize(2 * main.size + journal.size)
  await copyWhole(database, scratch, signal)
  await copyWhole(`${database}-journal`, `${scratch}-journal`, signal)
  // Both copies are of one moment only if nobody rolled back or wrote meanwhile.
  if (versions() !== before || !isStillThere(`${database}-journal`)) throw changing(database)
  await sqlite.ask('recover', { path: scratch }, { signal })
  const taken = await takeFromRollbackMode(scratch, options)
  await rm(scratch)
  return { ...taken, way: 'recovered' }
}

function isStillThere(path: string): boolean {
  using file = openIfThere(path)
  return file !== null
}
