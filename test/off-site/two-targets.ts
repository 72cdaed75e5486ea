/** A place with two targets, and what is asked of it when something there is to be mended. */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { BackupsRepaired, Config, RepairedBackup } from '../../src/index.ts'
import { openDatabase } from '../support/databases.ts'
import { commitToLedger } from '../support/ledger.ts'
import { succeeded } from '../support/product.ts'
import { local, makeBackups, openPlace, type Place } from './place.ts'

export const BOTH: Config = { targets: { far: local('far'), farther: local('farther') } }

export function openBoth(config: Config = {}): Place {
  return openPlace(['far', 'farther'], config, { commits: 20 })
}

export function commit(place: Place): void {
  const connection = openDatabase(place.databasePath)
  commitToLedger(connection)
  connection.close()
}

/** A backup that is at every target, and not here any more. */
export async function makeGone(place: Place): Promise<string> {
  const [name = ''] = await makeBackups(place, 1)
  expect(succeeded(await place.database().syncTargets()).status).toBe('synced')
  commit(place)
  await makeBackups(place, 1)
  succeeded(await place.database().deleteBackup(name, { confirm: true }))
  return name
}

export async function repairAll(place: Place): Promise<BackupsRepaired> {
  return succeeded(await place.database().repairBackups())
}

export async function repaired(place: Place, ...backups: string[]): Promise<readonly RepairedBackup[]> {
  return succeeded(await place.database().repairBackups(backups.length === 0 ? {} : { backups })).backups
}

export async function statusOfCopies(place: Place): Promise<string> {
  return succeeded(await place.database().verifyCopies()).status
}

export function metadataPath(place: Place, where: string, name: string): string {
  return place.path(where, 'metadata', `${name}.json`)
}

export function expectSame(place: Place, key: string): void {
  expect(readFileSync(place.path('far', key))).toEqual(readFileSync(place.path('farther', key)))
}
