import { extname } from 'node:path'
import type { Config } from '../config/config.ts'
import type { LoadedConfig } from '../config/load.ts'
import type { Settings } from '../config/settings.ts'
import { resolveJobs } from '../schedule/jobs.ts'
import type { Editable, SettingsShown } from './file-reports.ts'

/** What holds for a database and for all of them. Pure; no secret is in it. */
export function showSettings(
  loaded: LoadedConfig,
  settings: Settings,
  all: readonly Settings[],
): SettingsShown {
  const { config } = loaded
  const { jobs, maxBackupAge, graceTime, digest } = config.schedule ?? {}
  return {
    success: true,
    database: settings.name,
    databases: all.map(({ name, path, backupDir }) => ({
      name,
      isDefault: name === settings.name,
      path,
      backupDir,
    })),
    timeZone: settings.timeZone ?? null,
    editable: editableOf(loaded.file),
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
    targets: targetsOf(config),
  }
}

/** Whether a program can edit the configuration: JSON it can, code it cannot, and one that is missing it makes. */
export function editableOf(file: string | null): Editable {
  if (file === null || extname(file) === '.json') return { file, isEditable: true, why: null }
  return { file, isEditable: false, why: `The configuration is code: ${file}. Edit it yourself.` }
}

/** Read as data, whatever kinds of targets this version knows. */
function targetsOf(config: Config): SettingsShown['targets'] {
  const targets: unknown = Object.hasOwn(config, 'targets') ? Reflect.get(config, 'targets') : {}
  if (typeof targets !== 'object' || targets === null) return []
  return Object.entries(targets).map(([name, target]: [string, unknown]) => {
    const { kind, appendOnly } = (typeof target === 'object' && target !== null ? target : {}) as {
      kind?: unknown
      appendOnly?: unknown
    }
    return { name, kind: typeof kind === 'string' ? kind : 'unknown', appendOnly: appendOnly === true }
  })
}
