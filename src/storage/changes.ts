/** Changing names and modes: small calls. */
import { chmodSync, mkdirSync, renameSync, rmdirSync, unlinkSync } from 'node:fs'
import { chmod, mkdir, rename, rmdir, unlink } from 'node:fs/promises'
import { either } from './at-once.ts'

/** Makes one directory, whose parent is there. */
export async function makeName(path: string, mode: number): Promise<void> {
  await either(
    () => {
      mkdirSync(path, { mode })
    },
    async () => {
      await mkdir(path, { mode })
    },
  )
}

/** Gives a file or a directory another name on the same file system, in one step. */
export async function changeName(from: string, to: string): Promise<void> {
  await either(
    () => renameSync(from, to),
    () => rename(from, to),
  )
}

export async function setMode(path: string, mode: number): Promise<void> {
  await either(
    () => chmodSync(path, mode),
    () => chmod(path, mode),
  )
}

/** Removes the name of a file, or of a link. */
export async function removeName(path: string): Promise<void> {
  await either(
    () => unlinkSync(path),
    () => unlink(path),
  )
}

/** Removes a directory in which there is nothing. */
export async function removeEmpty(path: string): Promise<void> {
  await either(
    () => rmdirSync(path),
    () => rmdir(path),
  )
}
