/** The oracle's look at the audit log: an unbroken chain that only ever grows, by what docs/formats.md says of it. */
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Operation } from '../crash/operation.ts'
import type { Scene } from '../restore/scene.ts'
import { problemsUnless } from './oracle-stored.ts'

/** What the newest line of the log is of after an operation; null for one that it says nothing of. */
export const ACTIONS: Readonly<Record<Operation, string | null>> = {
  create: 'create',
  restore: 'restore',
  verify: null,
  export: 'export',
  import: 'import',
  cleanup: 'cleanup',
  convert: 'convert',
  drill: 'drill',
  add: 'add',
  sync: 'sync',
  // These have no targets to copy to afterwards.
  schedule: 'create',
}

const NO_HASH = '0'.repeat(64)

interface Entry {
  readonly seq: number
  readonly action: string
  readonly result: string
  readonly previous: string
  readonly hash: string
  readonly gap?: { readonly torn?: { readonly sha256: string } }
}

interface Chain {
  readonly entries: readonly Entry[]
  readonly problems: readonly string[]
}

/** Its bytes, one a character; nothing where there is none. */
export function auditText({ backupDir }: Pick<Scene, 'backupDir'>): string {
  return textOf(join(backupDir, 'audit.jsonl'))
}

/**
 * @param earlier the log as it was
 * @param promised what the newest line must be of, because a success was told; null where it need not be there
 */
export function problemsOfAudit(scene: Scene, earlier: string, promised: string | null): string[] {
  const text = auditText(scene)
  const { entries, problems } = follow(text)
  const newest = entries.at(-1)
  const isNoted =
    entries.length > follow(earlier).entries.length &&
    newest?.action === promised &&
    newest?.result === 'success'
  return [
    ...problemsUnless(text.startsWith(earlier), 'a line that was there has changed or is gone'),
    ...problems,
    ...problemsOfHead(textOf(join(scene.backupDir, 'audit.head')), entries),
    ...problemsUnless(promised === null || isNoted, `the newest line is not of this ${promised}`),
  ].map(problem => `the audit log: ${problem}`)
}

/** What is no entry is a line that was cut short, which the next one must know of; the last may be. */
function follow(text: string): Chain {
  const entries: Entry[] = []
  const problems: string[] = []
  let torn: string | null = null
  for (const line of text.split('\n')) {
    const entry = entryIn(line)
    if (entry === null) {
      if (torn !== null && line !== '') problems.push('two lines in a row are none')
      if (line !== '') torn = line
      continue
    }
    const { seq, hash } = entries.at(-1) ?? { seq: 0, hash: NO_HASH }
    problems.push(
      ...problemsUnless(
        entry.seq === seq + 1 && entry.previous === hash,
        `entry ${entry.seq} follows ${seq}`,
      ),
      ...problemsUnless(
        torn === null || entry.gap?.torn?.sha256 === sha256(torn),
        `entry ${entry.seq} does not know of the torn line before it`,
      ),
    )
    entries.push(entry)
    torn = null
  }
  return { entries, problems }
}

function entryIn(line: string): Entry | null {
  const [, hashed = '', hash] = /^(.*),"hash":"([0-9a-f]{64})"\}$/s.exec(line) ?? []
  return hash !== undefined && sha256(hashed) === hash ? (JSON.parse(line) as Entry) : null
}

/** It is of a line, or says that there was none yet. It is not flushed: after a power cut it may be an old one. */
function problemsOfHead(text: string, entries: readonly Entry[]): string[] {
  if (entries.length === 0) return []
  const [, number, hash] = /^(\d{16}) ([0-9a-f]{64})\n$/.exec(text) ?? []
  const known = [NO_HASH, ...entries.map(entry => entry.hash)]
  const isKnown = hash !== undefined && known[Number(number)] === hash
  return problemsUnless(isKnown, `its head is ${JSON.stringify(text)}`)
}

function sha256(text: string): string {
  return createHash('sha256').update(Buffer.from(text, 'latin1')).digest('hex')
}

function textOf(path: string): string {
  return existsSync(path) ? readFileSync(path, 'latin1') : ''
}
