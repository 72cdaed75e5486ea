/** What is kept of the checks of targets: a file each in the backup directory. It can be made again at any time. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeCacheFile } from '../../catalog/cache-file.ts'
import type { Settings } from '../../config/settings.ts'
import { unlessMissing } from '../../storage/io-errors.ts'
import type { TargetCapabilities } from '../../storage/target-probe.ts'
import type { TargetCheck } from '../target-reports.ts'

type Place = Pick<Settings, 'backupDir' | 'fileMode' | 'directoryMode' | 'disposable'>

const SCHEMA = 1

function checkPath(backupDir: string, target: string): string {
  return join(backupDir, 'targets', `${target}.json`)
}

export async function writeCheck(
  { backupDir, fileMode, directoryMode, disposable }: Place,
  target: string,
  check: TargetCheck,
): Promise<void> {
  const text = `${JSON.stringify({ schema: SCHEMA, ...check }, null, 2)}\n`
  await writeCacheFile(checkPath(backupDir, target), text, new Date(check.checkedAt), {
    fileMode,
    directoryMode,
    isDurable: !disposable,
  })
}

/** Null when it was never checked, or what was kept cannot be read: then it is as if it never was. */
export async function readCheck(backupDir: string, target: string): Promise<TargetCheck | null> {
  const path = checkPath(backupDir, target)
  const text = await unlessMissing(path, () => readFile(path, 'utf8'))
  return text === null ? null : parseCheck(text)
}

/** What a target may be trusted with. Undefined: nothing. */
export async function readCapabilities(
  backupDir: string,
  target: string,
): Promise<TargetCapabilities | undefined> {
  const check = await readCheck(backupDir, target)
  if (check === null) return undefined
  return { conditionalPut: check.probes.some(({ probe, status }) => probe === 'race' && status === 'yes') }
}

function parseCheck(text: string): TargetCheck | null {
  try {
    const value = JSON.parse(text) as Partial<TargetCheck> & { schema?: unknown }
    if (value.schema !== SCHEMA || !Array.isArray(value.probes) || typeof value.checkedAt !== 'string')
      return null
    const { checkedAt, status = 'failed', probes, warnings = [], left = [] } = value
    return { checkedAt, status, probes, warnings, left }
  } catch {
    return null
  }
}
