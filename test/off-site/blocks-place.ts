/** A place whose backups are stored by their pages, here and at the target `far`. */
import { rmSync } from 'node:fs'
import { expect } from 'vitest'
import type { Config } from '../../src/index.ts'
import { openDatabase } from '../support/databases.ts'
import { assertIntact } from '../support/intact.ts'
import { commitToLedger } from '../support/ledger.ts'
import { succeeded } from '../support/product.ts'
import { local, openPlace, type Place } from './place.ts'

export const BLOCKS = { encoding: 'blocks' } as const

/** Of backups that are kept at the target `far` alone. */
export const ONLY: Config = {
  keepLocal: false,
  encoding: 'blocks',
  timeZone: 'UTC',
  targets: { far: local('far') },
}

export function openBlocksPlace(): Place {
  return openPlace(['far'], BLOCKS, { commits: 20 })
}

export function commit(place: Place, times: number): void {
  const connection = openDatabase(place.databasePath)
  for (let i = 0; i < times; i++) commitToLedger(connection)
  connection.close()
}

/** Makes a backup; returns its file name. */
export async function backUp(place: Place, copy: boolean): Promise<string> {
  return succeeded(await place.database().createBackup({ copy })).filename
}

export function packsIn(place: Place, where: string): string[] {
  return place.files(where).filter(name => name.endsWith('.pack'))
}

/** Restores a backup of the target; returns how many commits it has. */
export async function restoredFromFar(place: Place, name: string): Promise<number> {
  const to = place.path('restored.db')
  rmSync(to, { force: true })
  const restored = succeeded(await place.database().restoreBackup(name, { target: 'far', to }))
  expect(restored).toMatchObject({ comparison: 'equal', backup: { target: 'far' } })
  return assertIntact(to).commits
}
