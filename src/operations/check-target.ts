/** Trying what a target really does, and keeping what was seen for those who use it. */
import type { LoadedConfig } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import type { TargetConfig } from '../config/targets.ts'
import { BackupError, throwIfCancelled, toFailure } from '../errors.ts'
import { openKindProbe, openTarget } from '../storage/open-target.ts'
import type { RetryPorts } from '../storage/retry.ts'
import { readCheck, writeCheck } from './target/checks.ts'
import { deleteAbandoned, deleteAll, newPrefix, type Probing, PROBES } from './target/probes.ts'
import {
  TARGET_PROBES,
  type TargetCheck,
  type TargetInfo,
  type TargetProbe,
  type TargetProbeName,
  type TargetsChecked,
  type TargetsListed,
} from './target-reports.ts'

export interface TargetPorts {
  readonly loaded: LoadedConfig
  readonly settings: Settings
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly now: () => Date
  readonly signal: AbortSignal
  readonly retry?: RetryPorts
}

/** How long a check that was cancelled goes on deleting what it has put. */
const CLEAN_UP_MS = 10_000

/** Checks one target, or all of them. One that fails is the answer, not an error. */
export async function checkTargets(name: string | undefined, ports: TargetPorts): Promise<TargetsChecked> {
  const targets: (TargetInfo & { check: TargetCheck })[] = []
  for (const [own, config] of chosen(name, ports.loaded)) {
    const check = await checkOne(own, config, ports)
    throwIfCancelled(ports.signal)
    await writeCheck(ports.settings, own, check)
    targets.push({ ...describe(own, config), check })
  }
  const hasFailed = targets.some(({ check }) => check.status === 'failed')
  return { success: true, status: hasFailed ? 'failed' : 'usable', targets }
}

/** The targets of the configuration, with what their last checks saw. Asks none of them. */
export async function listTargets({
  loaded,
  settings,
}: Pick<TargetPorts, 'loaded' | 'settings'>): Promise<TargetsListed> {
  const targets: TargetInfo[] = []
  for (const [name, config] of Object.entries(loaded.config.targets ?? {})) {
    targets.push({ ...describe(name, config), check: await readCheck(settings.backupDir, name) })
  }
  return { success: true, targets }
}

function chosen(name: string | undefined, { config }: LoadedConfig): [string, TargetConfig][] {
  const targets = Object.entries(config.targets ?? {})
  if (targets.length === 0) {
    throw new BackupError('CONFIG_INVALID', 'No targets are configured', {
      hint: 'Add "targets" to the configuration file: see docs/targets.md.',
    })
  }
  if (name === undefined) return targets
  const own = targets.filter(([each]) => each === name)
  if (own.length > 0) return own
  throw new BackupError('INVALID_ARGUMENT', `Unknown target: ${JSON.stringify(name)}`, {
    hint: `The configuration has: ${targets.map(([each]) => each).join(', ')}.`,
  })
}

function describe(name: string, config: TargetConfig): Omit<TargetInfo, 'check'> {
  return { name, kind: config.kind, place: placeOf(config), appendOnly: config.appendOnly ?? false }
}

/** Of rclone's ":webdav,user=me,pass="a:b":path" and "drive,token=x:path": they may be passwords. A quote that nothing ends hides all behind it. */
const REMOTE_OPTIONS = /^(:?[^,:]+),(?:[^:"']|"[^"]*(?:"|$)|'[^']*(?:'|$))*/

/** Where a target is, in a word, without what may be secret. */
export function placeOf(config: TargetConfig): string {
  switch (config.kind) {
    case 'local':
      return config.path
    case 's3':
      return `s3://${config.bucket}/${config.prefix ?? ''}`
    case 'sftp':
      return `${config.user}@${config.host}:${config.path}`
    case 'rclone':
      return config.remote.replace(REMOTE_OPTIONS, '$1,…')
  }
}

async function checkOne(name: string, config: TargetConfig, ports: TargetPorts): Promise<TargetCheck> {
  const { loaded, environment, now, signal, retry } = ports
  const around = { directory: loaded.directory, environment, ...(retry === undefined ? {} : { retry }) }
  const prefix = newPrefix()
  // What the credentials may do is tried, not what the configuration lets us do.
  const deleting: TargetConfig = { ...config, appendOnly: false }
  // A lock is for backups: what is tried here is to go away again, but for the one object that tries it.
  const unlocked: TargetConfig =
    deleting.kind === 's3' ? { ...deleting, objectLock: undefined, partSize: '5MiB' } : deleting
  await using target = await openTarget(name, unlocked, around)
  await using trusting = await openTarget(name, unlocked, {
    ...around,
    capabilities: { conditionalPut: true },
    pageSize: 2,
  })
  await using kind = await openKindProbe(name, config, around)
  const probing: Probing = {
    config,
    target,
    trusting,
    kind,
    key: own => `${prefix}${own}`,
    options: { signal },
  }
  const probes: TargetProbe[] = []
  try {
    for (const probe of TARGET_PROBES) {
      if (probe === 'delete') continue
      throwIfCancelled(signal)
      probes.push(await tryOut(probe, () => PROBES[probe](probing)))
      // Nothing else can be seen of what cannot even be reached.
      if (probe === 'put' && probes[0]?.status === 'failed') break
    }
  } catch (error) {
    // Cancelled: what was put is not to stay there, unless the target is why somebody does not want to wait.
    await deleteAll(target, prefix, { signal: AbortSignal.timeout(CLEAN_UP_MS) })
    throw error
  }
  const { left, answer } = await deleteAll(target, prefix, { signal })
  probes.push({ probe: 'delete', ...answer })
  if (answer.status === 'yes') await deleteAbandoned(target, now(), { signal })
  const hasFailed = probes.some(({ status }) => status === 'failed')
  return {
    checkedAt: now().toISOString(),
    status: hasFailed ? 'failed' : 'usable',
    probes,
    warnings: warningsOf(config, probes),
    left,
  }
}

async function tryOut(
  probe: TargetProbeName,
  run: () => Promise<Pick<TargetProbe, 'status' | 'detail'>>,
): Promise<TargetProbe> {
  try {
    return { probe, ...(await run()) }
  } catch (error) {
    const { success: _, message: detail, ...why } = toFailure(error)
    if (why.code === 'CANCELLED') throw error
    return { probe, status: 'failed', detail, ...why }
  }
}

/** What is seen of a target that should be known to whoever relies on it. */
export function warningsOf(config: TargetConfig, probes: readonly TargetProbe[]): string[] {
  const statusOf = (name: TargetProbeName): TargetProbe['status'] | undefined =>
    probes.find(({ probe }) => probe === name)?.status
  const warnings: string[] = []
  if (config.appendOnly === true && statusOf('delete') === 'yes')
    warnings.push(
      'It is append-only, but whoever has this key can delete there all the same: take that right from it.',
    )
  if (config.appendOnly !== true && statusOf('delete') === 'no')
    warnings.push('This key cannot delete: no cleanup is possible there. If that is meant, say appendOnly.')
  if (statusOf('race') === 'no')
    warnings.push(
      'Of several machines that write the same name at once, more than one may believe to have won: let one machine write there.',
    )
  if (statusOf('checksum') === 'no')
    warnings.push('It does not notice when bytes change on their way: verify what is there.')
  return warnings
}
