/** A database whose audit log is anchored at targets, and what may be done to the log behind its back. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AuditAnchor, parseAnchorKey } from '../../src/audit/anchor.ts'
import { makeLine, NO_HASH, printHead } from '../../src/audit/line.ts'
import type { AuditEntry, AuditLogVerified, Config } from '../../src/index.ts'
import { openPlace, type Place } from '../off-site/place.ts'
import { succeeded } from '../support/product.ts'

/** Notes so many actions of no consequence. */
export async function note(place: Place, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await place.database().recordAction({ action: 'noted', parameters: { i } })
}

export async function backUp(place: Place): Promise<void> {
  succeeded(await place.database().createBackup())
}

/** Six lines; the third and the fifth were the newest when a backup was copied. */
export async function anchored(config: Config = {}): Promise<Place> {
  const place = openPlace(['far'], config)
  await backUp(place)
  await note(place, 2)
  await backUp(place)
  await note(place, 1)
  await backUp(place)
  return place
}

export function logOf(place: Place): string {
  return join(place.backupDir, 'audit.jsonl')
}

/** Lines without their ends. */
export function linesOf(place: Place): string[] {
  return readFileSync(logOf(place), 'utf8').split('\n').slice(0, -1)
}

/** Writes the log with these lines, and the head to fit, as somebody would who may write both. */
export function writeLog(place: Place, lines: readonly string[]): void {
  writeFileSync(logOf(place), lines.map(line => `${line}\n`).join(''))
  const last = JSON.parse(lines.at(-1) ?? '') as AuditEntry
  writeFileSync(join(place.backupDir, 'audit.head'), printHead(last))
}

/** The same lines with another action from one on, and every hash to fit. */
export function writtenAnew(lines: readonly string[], from: number): string[] {
  let previous = from === 0 ? NO_HASH : (JSON.parse(lines[from - 1] ?? '') as AuditEntry).hash
  const anew = lines.slice(from).map(line => {
    const { hash: _, ...entry } = JSON.parse(line) as AuditEntry
    const made = makeLine({ ...entry, action: 'other', previous })
    previous = made.hash
    return made.line.trimEnd()
  })
  return [...lines.slice(0, from), ...anew]
}

/** Keys of what lies beside the anchors of a target, them included. */
export function anchorsAt(place: Place, target = 'far'): string[] {
  const directory = place.path(target, 'audit-anchors')
  if (!existsSync(directory)) return []
  return readdirSync(directory)
    .toSorted()
    .map(name => `audit-anchors/${name}`)
}

export async function verified(place: Place, targets?: readonly string[] | 'all'): Promise<AuditLogVerified> {
  return succeeded(await place.database().verifyAuditLog(targets === undefined ? {} : { targets }))
}

export function entriesOf(place: Place): AuditEntry[] {
  return linesOf(place).map(line => JSON.parse(line) as AuditEntry)
}

export function parsedAt(place: Place): AuditAnchor[] {
  return anchorsAt(place).flatMap(key => parseAnchorKey(key) ?? [])
}
