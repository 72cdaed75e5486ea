/** What every method of a database does first and last: its settings, the engine, and the note in the audit log. */
import { auditedAction, type AuditedAction } from './audit/actions.ts'
import type { Actor, AuditEntry } from './audit/entry.ts'
import { leaveOut, record } from './audit/recorder.ts'
import { type LoadedConfig, loadConfig } from './config/load.ts'
import { resolveSettings, type Settings } from './config/settings.ts'
import { type OperationName, type Operations, runOperation, writeAuditNote } from './engine/engine.ts'
import { type Failure, toFailure } from './errors.ts'
import type { RunOptions } from './operations/reports.ts'

export interface DatabaseOptions {
  /** The SQLite file to protect. Default: the configuration's, else `CHAME_BACKUP_PATH`, else `data/chame.db`. */
  readonly path?: string
  /** Where backups are stored. Default: the configuration's, else `CHAME_BACKUP_DIR`, else `backups`. */
  readonly backupDir?: string
  /** Which of the configuration's databases. Default: its `defaultDatabase`, else its first. */
  readonly database?: string
  /** The configuration file. Default: `CHAME_BACKUP_CONFIG`, else `chame-backup.config.{ts,js,json}` in the working directory. */
  readonly config?: string
  /** IANA time zone of the dates in file names. Default: the configuration's, else the system's. */
  readonly timeZone?: string
  /**
   * For test suites: skips what only matters across a power cut (fsync) and the pre_restore backup.
   * Never for data that anyone would miss.
   */
  readonly disposable?: boolean
  /**
   * Where operations run. `process` (default): in a child process, started once and reused, so that
   * the protected database is never opened in yours. `here`: in this process, for programs that
   * never open the database themselves, such as the CLI.
   */
  readonly engine?: 'process' | 'here'
  /** Who acts, for the audit log. Default: the library, and the user of the operating system. */
  readonly actor?: Actor
  /** Told when an action could not be noted in the audit log; its result stands. Default: a warning of the process. */
  readonly onAuditProblem?: (message: string) => void
}

/** One database, with the settings that its options lead to. */
export class DatabaseCore {
  readonly options: DatabaseOptions
  #settings: Promise<Settings> | undefined

  /** @param settings where they are known already; by default they are read when they are needed first */
  constructor(options: DatabaseOptions, settings?: Promise<Settings>) {
    this.options = options
    this.#settings = settings
  }

  /** The same for another actor. */
  as(actor: Actor): DatabaseCore {
    const settings = this.settle()
    settings.catch(() => {}) // Whoever uses it is told.
    return new DatabaseCore({ ...this.options, actor }, settings)
  }

  /**
   * Runs an operation, and notes it where it changes something or reads data out. Never rejects.
   *
   * @param onDone called once it has ended, while it is yet to be noted
   */
  async run<Name extends OperationName>(
    name: Name,
    request: Operations[Name]['request'] & RunOptions,
    onDone: () => void = () => {},
  ): Promise<Operations[Name]['result'] | Failure> {
    const { onProgress, signal, ...rest } = request
    const started = performance.now()
    let settings: Settings | null = null
    let result: Operations[Name]['result'] | Failure
    try {
      settings = await this.settle()
      result = await runOperation(name, settings, rest as Operations[Name]['request'], {
        where: this.options.engine ?? 'process',
        ...(onProgress === undefined ? {} : { onProgress }),
        ...(signal === undefined ? {} : { signal }),
      })
    } catch (error) {
      result = toFailure(error)
    }
    onDone()
    const action = auditedAction(name, rest, result)
    if (settings !== null && action !== null) {
      const durationMs = Math.round(performance.now() - started)
      await this.note(settings, action, { result: result.success ? 'success' : result.code, durationMs })
    }
    return result
  }

  /** Once the work is done, and before anyone is told so: a kill in between leaves something done that is not noted. */
  async note(
    settings: Settings,
    action: AuditedAction,
    outcome: Pick<AuditEntry, 'result' | 'durationMs'>,
  ): Promise<void> {
    const { backupDir, name, createdBy, disposable } = settings
    if (disposable) return
    const { actor = { door: 'library' }, onAuditProblem = warn } = this.options
    const facts = {
      time: new Date().toISOString(),
      actor: { door: actor.door, who: actor.who ?? createdBy },
      action: action.action,
      database: name,
      on: action.on,
      parameters: action.parameters,
      ...outcome,
    }
    // Whoever asks a disk that hangs hangs, too; that it does is what the caller is told already.
    if (outcome.result === 'STALLED') return leaveOut(backupDir)
    const problem = await record(backupDir, facts, request =>
      writeAuditNote(settings, request, this.options.engine ?? 'process'),
    )
    // Of an action that failed the caller is told why; the next line of the log says that something is missing.
    if (problem !== null && outcome.result === 'success') onAuditProblem(problem)
  }

  /** The settings; a configuration that is valid is read once. */
  settle(): Promise<Settings> {
    if (this.#settings !== undefined) return this.#settings
    const settings = this.#resolve()
    this.#settings = settings
    settings.catch(() => (this.#settings = undefined))
    return settings
  }

  async #resolve(): Promise<Settings> {
    return this.settingsOf(await this.load(), this.options.database)
  }

  /** The settings of every database that is meant when none is named. */
  async resolveAll(): Promise<readonly [Settings, ...Settings[]]> {
    const loaded = await this.load()
    const { path, database } = this.options
    const names = Object.keys(loaded.config.databases ?? {})
    const [first, ...others] = path === undefined && database === undefined ? names : []
    if (first === undefined) return [this.settingsOf(loaded, database)]
    return [this.settingsOf(loaded, first), ...others.map(name => this.settingsOf(loaded, name))]
  }

  settingsOf(loaded: LoadedConfig, database: string | undefined): Settings {
    return resolveSettings(loaded, { ...this.options, database }, process.env, process.cwd())
  }

  load(): Promise<LoadedConfig> {
    return loadConfig(process.cwd(), this.options.config ?? process.env['CHAME_BACKUP_CONFIG'])
  }
}

function warn(message: string): void {
  process.emitWarning(message, { type: 'AuditWarning', code: 'CHAME_AUDIT' })
}
