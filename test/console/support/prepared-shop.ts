/** The shop as the browser finds it: with backups of three days, and a day of business since. */
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Place } from './console-server.ts'
import { backUpAt } from './history.ts'
import { buildShop, doBusiness } from './shop.ts'

const DAY_MS = 86_400_000

export async function prepareShop({ directory, shop, notes }: Place): Promise<void> {
  mkdirSync(join(directory, 'elsewhere'))
  buildShop(notes, 20)
  buildShop(shop, 120)
  const now = Date.now()
  for (const days of [3, 2, 1]) {
    const at = new Date(now - days * DAY_MS)
    await backUpAt(shop, { backupDir: join(directory, 'backups'), type: 'daily', at })
  }
  doBusiness(shop)
}

/** File name of yesterday's backup. */
export function newestDaily(directory: string): string {
  return (
    readdirSync(join(directory, 'backups', 'daily'))
      .toSorted()
      .at(-1) ?? ''
  )
}
