/** What a database has around it: its audit log, its configuration's targets and channels, what runs its scheduler. */
import { bounded } from './audit/actions.ts'
import type { AuditEvent } from './audit/entry.ts'
import type {
  AuditLogRead,
  AuditLogRequest,
  AuditLogVerified,
  VerifyAuditLogRequest,
} from './audit/reports.ts'
import type { LoadedConfig } from './config/load.ts'
import type { Settings } from './config/settings.ts'
import type { DatabaseCore } from './database-core.ts'
import { type Failure, toFailure } from './errors.ts'
import type {
  MetricsMade,
  MetricsRequest,
  NotificationsTested,
  TestNotificationsRequest,
} from './operations/monitoring-reports.ts'
import type { RecoverySheet, RecoverySheetRequest } from './operations/key-reports.ts'
import { makeMetrics } from './operations/metrics.ts'
import type { RunOptions, ServiceFiles, ServiceFilesRequest } from './operations/reports.ts'
import type { CheckTargetRequest, TargetsChecked, TargetsListed } from './operations/target-reports.ts'

/** The part of a database's methods that no engine runs: they look at the configuration and at files beside the backups. */
export class DatabaseSurroundings {
  /** @internal */
  protected core: DatabaseCore

  constructor(core: DatabaseCore) {
    this.core = core
  }

  /** The newest entries of the audit log of this backup directory, in which all that is done through any door is noted. */
  async auditLog(request: AuditLogRequest = {}): Promise<AuditLogRead | Failure> {
    try {
      const { readLog } = await import('./audit/read-log.ts')
      return await readLog((await this.core.settle()).backupDir, request)
    } catch (error) {
      return toFailure(error)
    }
  }

  /**
   * Looks for lines of the audit log that were changed, removed or put elsewhere; with `targets` also for a tail that was
   * cut off and for a log that was written anew, by what those know of it. What it finds is a result, not a failure.
   */
  async verifyAuditLog(
    request: VerifyAuditLogRequest & RunOptions = {},
  ): Promise<AuditLogVerified | Failure> {
    if (request.targets !== undefined) return this.core.run('verifyAudit', request)
    try {
      const { verifyLog } = await import('./audit/verify-log.ts')
      return await verifyLog((await this.core.settle()).backupDir)
    } catch (error) {
      return toFailure(error)
    }
  }

  /**
   * Notes in the audit log what a door has done beside the operations of this object, which note themselves. A log that
   * cannot be written is told like that of any action, and is no failure of the action. Throws {@link BackupError} for
   * a configuration that is not valid.
   */
  async recordAction(event: AuditEvent): Promise<void> {
    const { action, on = null, parameters = {}, result = 'success', durationMs = 0 } = event
    const noted = { action, on, parameters: bounded(parameters) }
    await this.core.note(await this.core.settle(), noted, { result, durationMs })
  }

  /**
   * What runs the scheduler for this database, or for all that the configuration has, on this machine: a hardened
   * systemd unit, timers, or crontab lines. Writes units only where `install` says so.
   */
  async serviceFiles(
    request: ServiceFilesRequest & Pick<RunOptions, 'signal'> = {},
  ): Promise<ServiceFiles | Failure> {
    const { signal = new AbortController().signal, ...rest } = request
    try {
      const { findPlan } = await import('./service/find-plan.ts')
      const { serviceFiles } = await import('./operations/service-files.ts')
      const workingDirectory = process.cwd()
      const loaded = await this.core.load()
      const surroundings = {
        loaded,
        overrides: this.core.options,
        environment: process.env,
        workingDirectory,
      }
      const made = await serviceFiles(rest, await findPlan(rest, surroundings), signal)
      if (made.installed)
        await this.recordAction({ action: 'service-install', on: made.files[0]?.path ?? null })
      return made
    } catch (error) {
      return toFailure(error)
    }
  }

  /**
   * Makes a page for whoever has to restore when this machine is gone: where the backups are, whose keys open them, which
   * commands restore them. Of this database, or of every one in the configuration where neither `path` nor `database` was
   * given. Without secrets, unless the request names a file with one.
   */
  async recoverySheet(request: RecoverySheetRequest = {}): Promise<RecoverySheet | Failure> {
    try {
      const { makeRecoverySheet } = await import('./operations/keys/recovery-sheet.ts')
      return await makeRecoverySheet(request, await this.core.resolveAll(), new Date())
    } catch (error) {
      return toFailure(error)
    }
  }

  /**
   * The state of the backups in the text format of Prometheus, of this database, or of every one in the configuration where
   * neither `path` nor `database` was given. With `output` it is written there, for the node exporter's textfile collector.
   */
  async metrics(request: MetricsRequest = {}): Promise<MetricsMade | Failure> {
    try {
      const { signal = new AbortController().signal, ...rest } = request
      return await makeMetrics(await this.core.resolveAll(), rest, { now: () => new Date(), signal })
    } catch (error) {
      return toFailure(error)
    }
  }

  /** Sends a test to every channel of the configuration, or to one. A channel that fails is a result (`status: 'failed'`). */
  async testNotifications(request: TestNotificationsRequest = {}): Promise<NotificationsTested | Failure> {
    try {
      const loaded = await this.core.load()
      const { timeZone } = this.core.settingsOf(loaded, this.core.options.database)
      // Loaded here: no other call sends anything.
      const { testNotifications } = await import('./operations/test-notifications.ts')
      const { config, directory } = loaded
      const ports = { directory, timeZone, now: () => new Date() }
      const started = performance.now()
      const tested = await testNotifications(config.notify, request, ports)
      await this.recordAction({
        action: 'notify-test',
        on: request.channel ?? null,
        parameters: { status: tested.status },
        durationMs: Math.round(performance.now() - started),
      })
      return tested
    } catch (error) {
      return toFailure(error)
    }
  }

  /**
   * Tries what a target really does, with objects of its own that it deletes again, and keeps what it saw in the backup
   * directory. A target that cannot be used is a result (`status: 'failed'`), not a failure.
   *
   * @param name default: all targets of the configuration
   */
  async checkTarget(name?: string, request: CheckTargetRequest = {}): Promise<TargetsChecked | Failure> {
    const { signal = new AbortController().signal } = request
    try {
      const { loaded, settings } = await this.#loadWithSettings()
      const { checkTargets } = await import('./operations/check-target.ts')
      const now = (): Date => new Date()
      const started = performance.now()
      const checked = await checkTargets(name, { loaded, settings, environment: process.env, now, signal })
      await this.recordAction({
        action: 'target-check',
        on: name ?? null,
        parameters: { status: checked.status },
        durationMs: Math.round(performance.now() - started),
      })
      return checked
    } catch (error) {
      return toFailure(error)
    }
  }

  /** The targets of the configuration, with what their last checks saw. Asks none of them. */
  async listTargets(): Promise<TargetsListed | Failure> {
    try {
      const { listTargets } = await import('./operations/check-target.ts')
      return await listTargets(await this.#loadWithSettings())
    } catch (error) {
      return toFailure(error)
    }
  }

  async #loadWithSettings(): Promise<{ loaded: LoadedConfig; settings: Settings }> {
    const loaded = await this.core.load()
    return { loaded, settings: this.core.settingsOf(loaded, this.core.options.database) }
  }
}
