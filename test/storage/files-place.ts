/** A place whose objects are files of this machine, whatever way the target takes to them. */
import { readdirSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Place } from './contract.ts'

export function placeIn(root: string): Omit<Place, 'config'> & { readonly root: string } {
  return {
    root,
    async plant(name, bytes) {
      await mkdir(dirname(join(root, name)), { recursive: true })
      await writeFile(join(root, name), bytes)
    },
    async everything() {
      return readdirSync(root, { recursive: true, withFileTypes: true })
        .filter(entry => entry.isFile())
        .map(entry => join(entry.parentPath, entry.name).slice(root.length + 1))
    },
  }
}
