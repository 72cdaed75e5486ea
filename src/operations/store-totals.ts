import { listPacks } from '../blocks/store.ts'
import type { StoreTotals } from './blocks-reports.ts'

/** The packs in a backup directory, of all its databases; null where there are none. */
export async function storeTotals(backupDir: string): Promise<StoreTotals | null> {
  const packs = await listPacks({ backupDir })
  if (packs.length === 0) return null
  return { packs: packs.length, sizeBytes: packs.reduce((total, { sizeBytes }) => total + sizeBytes, 0) }
}
