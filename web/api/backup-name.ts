/**
 * How the console names a backup in its addresses: by its file name, and where it was listed at a target with that one's name
 * and a colon in front. A file name that has a colon itself has one more in front, so that it is taken for what it is.
 */
import type { BackupInfo } from './types.ts'

type Named = Pick<BackupInfo, 'filename' | 'target'>

export function nameOf({ filename, target }: Named): string {
  if (target !== null) return `${target}:${filename}`
  return filename.includes(':') ? `:${filename}` : filename
}

export function parseName(name: string): Named {
  const colon = name.indexOf(':')
  if (colon === -1) return { filename: name, target: null }
  const target = name.slice(0, colon)
  return { filename: name.slice(colon + 1), target: target === '' ? null : target }
}
