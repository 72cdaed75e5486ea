/** Where things lie in a backup directory. */
import { join } from 'node:path'

export function metadataDirectory(backupDir: string): string {
  return join(backupDir, 'metadata')
}

export function metadataPath(backupDir: string, filename: string): string {
  return join(metadataDirectory(backupDir), `${filename}.json`)
}

export function typeDirectory(backupDir: string, type: string): string {
  return join(backupDir, type)
}

/** Where the packs of images lie that are stored by their pages. */
export function blocksDirectory(backupDir: string): string {
  return join(backupDir, 'blocks')
}
