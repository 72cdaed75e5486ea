/** Checking a target as an operator does, for tests of what the check sees. */
import { checkTargets } from '../../src/operations/check-target.ts'
import type { TargetCheck, TargetProbe } from '../../src/operations/target-reports.ts'
import { resolveSettings } from '../../src/config/settings.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { IMPATIENT, type Opening, SIGNAL } from './contract.ts'

/** A server that is busy with other tests is not one that is gone. */
const PATIENT = { ...IMPATIENT, patience: { ...IMPATIENT.patience, deadlineMs: 60_000 } }

export interface Checked {
  readonly check: TargetCheck
  readonly backupDir: string
  /** What was seen, by probe. */
  readonly seen: Readonly<Record<string, TargetProbe['status']>>
}

export async function checked(
  { config, environment = {} }: Opening,
  {
    signal = SIGNAL,
    backupDir,
  }: { readonly signal?: AbortSignal; /** Default: a new one. */ readonly backupDir?: string } = {},
): Promise<Checked> {
  const directory = temporaryDirectory()
  const loaded = { config: { targets: { there: config } }, directory, file: null }
  const settings = resolveSettings(loaded, backupDir === undefined ? {} : { backupDir }, {}, directory)
  const ports = { loaded, settings, environment, now: () => new Date(), signal, retry: PATIENT }
  const { targets } = await checkTargets('there', ports)
  const check = targets[0]?.check
  if (check === undefined) throw new Error('nothing was checked')
  const seen = Object.fromEntries(check.probes.map(({ probe, status }) => [probe, status]))
  return { check, backupDir: settings.backupDir, seen }
}
