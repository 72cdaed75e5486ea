import { PRE_RESTORE } from '../catalog/names.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import { resolveJobs } from '../schedule/jobs.ts'
import type { Editable, SettingsShown } from './file-reports.ts'
import { primaryTarget } from './target-access.ts'

/** What holds for a database and for all of them. Pure; no secret is in it. */
export function showSettings(
  loaded: LoadedConfig,
  settings: Settings,
  { all, editable }: { readonly all: readonly Settings[]; readonly editable: Editable },
): SettingsShown {
  const { config } = loaded
  const { jobs, maxBackupAge, graceTime, digest } = config.schedule ?? {}
  return {
    success: true,
    database: settings.name,
    databases: all.map(each => ({
      name: each.name,
      isDefault: each.name === settings.name,
      path: each.path,
      backupDir: each.backupDir,
      primaryTarget: primaryTarget(each),
    })),
    timeZone: settings.timeZone ?? null,
    backupTypes: settings.backupTypes.filter(type => type !== PRE_RESTORE),
    editable,
    signing: { signs: settings.signing.key !== null, trusted: settings.signing.trusted },
    retention: settings.retention,
    schedule: {
      configured: {
        ...(jobs === undefined ? {} : { jobs }),
        ...(maxBackupAge === undefined ? {} : { maxBackupAge }),
        ...(graceTime === undefined ? {} : { graceTime }),
        ...(digest === undefined ? {} : { digest }),
      },
      jobs: resolveJobs(config).map(({ name, kind, cron }) => ({
        name,
        kind,
        cron,
        isDefault: !Object.hasOwn(jobs ?? {}, name),
      })),
    },
    channels: Object.entries(config.notify?.channels ?? {}).map(([name, channel]) => ({
      name,
      kind: channel.kind,
      events: channel.events ?? null,
      databases: channel.databases ?? null,
    })),
    targets: Object.entries(config.targets ?? {}).map(([name, { kind, appendOnly = false }]) => ({
      name,
      kind,
      appendOnly,
    })),
  }
}
