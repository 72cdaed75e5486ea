import { accessDirectory } from './access/access-file.ts'
import { AccessStore } from './access/access-store.ts'
import type {
  AccessToken,
  CreateTokenRequest,
  LogInLink,
  TokenCreated,
  TokensListed,
} from './access/reports.ts'
import type { BackupInfo } from './catalog/backup-info.ts'
import { CatalogListing } from './catalog/listing.ts'
import { removeAbandonedWork } from './catalog/work-directory.ts'
import { type LoadedConfig, loadConfig } from './config/load.ts'
import { resolveSettings, type Settings } from './config/settings.ts'
import { DatabaseCore, type DatabaseOptions } from './database-core.ts'
import { Database } from './database.ts'
import { type Failure, fromFailure, toFailure } from './errors.ts'
import type {
  AddBackupRequest,
  BackupAdded,
  EditSettingsRequest,
  ExportDeleted,
  ExportsListed,
  OpenBackupRequest,
  SettingsEdited,
  SettingsShown,
  StoredFile,
} from './operations/file-reports.ts'
import type { KeptImage, KeptImages } from './operations/look/kept-images.ts'
import type { BackupsCleanedUp, Info, InfoRequest, RunOptions } from './operations/reports.ts'
import type { RetentionPolicy } from './retention/policy.ts'
import { namesIn } from './storage/durable.ts'

/** A token was made: its secret, which is stored nowhere. */
export type TokenMade = { readonly success: true } & TokenCreated

/** A token was revoked: as it was. */
export interface TokenRevoked {
  readonly success: true
  readonly token: AccessToken
}

export type LogInLinkMade = { readonly success: true } & LogInLink

/**
 * What an administrator does around a database, beside its backups: settings, API tokens, stored files. What it does is
 * noted in the audit log.
 *
 * Foreseen failures come back as `{ success: false, code, message, hint }`; what `open…` returns throws them.
 */
export class Administration {
  readonly #options: DatabaseOptions

  constructor(options: DatabaseOptions = {}) {
    this.#options = options
  }

  /** The databases of the configuration, and the settings that hold for this one. */
  async settings(): Promise<SettingsShown | Failure> {
    const [{ showSettings }, { editableOf, versionOf }] = await Promise.all([
      import('./operations/show-settings.ts'),
      import('./operations/editable.ts'),
    ])
    try {
      // Before it is read: an edit that gives it changes nothing that nobody has seen.
      const version = await versionOf(process.cwd(), this.#configPath())
      return await this.#within(async (settings, loaded) => {
        const editable = { ...(await editableOf(loaded)), version }
        return showSettings(loaded, settings, { all: this.#resolveAll(loaded), editable })
      })
    } catch (error) {
      return toFailure(error)
    }
  }

  /** Changes retention and schedule in a configuration file of JSON; one of code is `READ_ONLY`. */
  editSettings(request: EditSettingsRequest): Promise<SettingsEdited | Failure> {
    const { version: _seen, ...parameters } = request
    return this.#noted('settings-edit', null, parameters, async (settings, loaded) => {
      const { editSettings } = await import('./operations/edit-settings.ts')
      return editSettings(request, { loaded, database: settings.name })
    })
  }

  /**
   * What a cleanup would delete, here and at the targets, once {@link editSettings} has written these `types` of retention:
   * with the rules of those that it does not name, and the targets' own. Changes and deletes nothing.
   */
  planRetention(types: RetentionPolicy): Promise<BackupsCleanedUp | Failure> {
    return this.#within(async (settings, loaded) => {
      const { withRetention } = await import('./operations/edit-settings.ts')
      const planned = this.#settingsOf(withRetention(loaded, types, settings.name), this.#options.database)
      const cleanup = await new DatabaseCore(this.#options, Promise.resolve(planned)).run('cleanup', {
        dryRun: true,
      })
      if (!cleanup.success) throw fromFailure(cleanup)
      return cleanup
    })
  }

  /** Makes an API token for `chame-backup serve`. Its secret is in the answer and stored nowhere. */
  createToken(request: CreateTokenRequest): Promise<TokenMade | Failure> {
    return this.#noted('token-create', request.name, { role: request.role }, async ({ backupDir }) => ({
      success: true,
      ...(await new AccessStore(backupDir).createToken(request)),
    }))
  }

  /** The API tokens, without their secrets. */
  listTokens(): Promise<TokensListed | Failure> {
    return this.#within(async ({ backupDir }) => ({
      success: true,
      tokens: await new AccessStore(backupDir).listTokens(),
    }))
  }

  /** Revokes an API token by its id: it is refused at once, in what is under way too. */
  revokeToken(id: string): Promise<TokenRevoked | Failure> {
    return this.#noted('token-revoke', id, {}, async ({ backupDir }) => ({
      success: true,
      token: await new AccessStore(backupDir).revokeToken(id),
    }))
  }

  /** Makes a secret that logs in to the console once, as admin, within a quarter of an hour. */
  createLogInLink(): Promise<LogInLinkMade | Failure> {
    return this.#noted('log-in-link-create', null, {}, async ({ backupDir }) => ({
      success: true,
      ...(await new AccessStore(backupDir).createLogInLink()),
    }))
  }

  /** The files among the exports in the backup directory, newest first. */
  listExports(): Promise<ExportsListed | Failure> {
    return this.#within(async settings => {
      const { listExports } = await import('./operations/stored-exports.ts')
      return listExports(settings)
    })
  }

  /** Deletes an export by its file name. */
  deleteExport(name: string): Promise<ExportDeleted | Failure> {
    return this.#noted('export-delete', name, {}, async settings => {
      const { deleteExport } = await import('./operations/stored-exports.ts')
      return deleteExport(settings, name)
    })
  }

  /** Opens an export by its file name. It must be closed. */
  openExport(name: string): Promise<StoredFile | Failure> {
    return this.#within(async settings => {
      const { openStoredExport } = await import('./operations/open-stored.ts')
      return openStoredExport(settings, name)
    })
  }

  /**
   * Opens a backup of this database, by its file name and nothing else, also from a target: its stored file, or with
   * `form: 'database'` the plain database in it, proven to be what was stored before the first byte. It must be closed.
   */
  openBackup(
    filename: string,
    { form = 'stored', target, signal = new AbortController().signal }: OpenBackupRequest = {},
  ): Promise<StoredFile | Failure> {
    return this.#within(async settings => {
      const [{ openDatabaseOf, openStoredBackup }, { openConfigured }] = await Promise.all([
        import('./operations/open-stored.ts'),
        import('./operations/open-configured.ts'),
      ])
      const wanted = { filename, target }
      const context = {
        settings,
        signal,
        onProgress: () => {},
        now: () => new Date(),
        openTarget: (name: string) => openConfigured(settings, name, process.env),
      }
      if (form === 'stored') return openStoredBackup(wanted, context)
      const core = new DatabaseCore(this.#options, Promise.resolve(settings))
      return openDatabaseOf(wanted, context, async (from, to) => {
        const unpacked = await core.run('unpack', { backup: from, to, signal })
        if (!unpacked.success) throw fromFailure(unpacked)
        return unpacked
      })
    })
  }

  /**
   * The plain image of a backup that would be fetched or decoded for every request that looks into it, kept in `images` for
   * a while: for `image` of these requests. Null for one that needs none. It must be disposed of. Throws {@link BackupError}.
   */
  async openImage(
    backup: BackupInfo,
    images: KeptImages,
    { signal = new AbortController().signal, onProgress }: RunOptions = {},
  ): Promise<KeptImage | null> {
    const settings = this.#settingsOf(await this.#load(), this.#options.database)
    const { keepImage } = await import('./operations/look/keep-image.ts')
    const core = new DatabaseCore(this.#options, Promise.resolve(settings))
    return keepImage(backup, images, {
      settings,
      signal,
      async unpack(from, to, abandoned) {
        const run = { signal: abandoned, ...(onProgress === undefined ? {} : { onProgress }) }
        const unpacked = await core.run('unpack', { backup: from, to, ...run })
        if (!unpacked.success) throw fromFailure(unpacked)
      },
    })
  }

  /**
   * Removes what programs that were killed had fetched, decoded or received in the backup directories and nobody is at work
   * with: for a server that starts. Throws {@link BackupError}.
   */
  async removeAbandoned(): Promise<void> {
    for (const { backupDir } of this.#resolveAll(await this.#load()))
      for (const directory of [backupDir, accessDirectory(backupDir)])
        await removeAbandonedWork(directory, await namesIn(directory))
  }

  /** Adds a backup whose bytes come as a stream; see {@link Database.addBackup}. */
  receiveBackup(
    bytes: AsyncIterable<Uint8Array>,
    request: AddBackupRequest & RunOptions = {},
  ): Promise<BackupAdded | Failure> {
    return this.#within(async settings => {
      const { withReceived } = await import('./operations/receive-backup.ts')
      const { signal = new AbortController().signal, description = 'Uploaded' } = request
      return withReceived(bytes, settings, signal, path =>
        new Database(this.#options).addBackup(path, { ...request, description }),
      )
    })
  }

  /**
   * The list of the backup directory for programs that ask again and again, such as a server: read anew only when something
   * has changed there.
   */
  async openListing(): Promise<CatalogListing> {
    const { backupDir, signing } = this.#settingsOf(await this.#load(), this.#options.database)
    return new CatalogListing(backupDir, undefined, signing.trusted)
  }

  /**
   * What {@link Database.info} says, without listing the backups once more: for programs that keep their list.
   *
   * @param backups of this database, as {@link openListing} or `listBackups` has them, at the target of the request if it
   * names one; newest first
   */
  info(
    backups: readonly BackupInfo[],
    { target, signal }: InfoRequest & Pick<RunOptions, 'signal'> = {},
  ): Promise<Info | Failure> {
    return this.#within(async settings => {
      const core = new DatabaseCore(this.#options, Promise.resolve(settings))
      const [described, { assembleInfo }] = await Promise.all([
        core.run('describe', signal === undefined ? {} : { signal }),
        import('./operations/assemble-info.ts'),
      ])
      if (!described.success) throw fromFailure(described)
      const request = target === undefined ? {} : { target }
      return assembleInfo(request, described, backups, { settings, now: () => new Date() })
    })
  }

  /** Who may come in by HTTP, for a server. */
  async openAccess(): Promise<AccessStore> {
    return new AccessStore(this.#settingsOf(await this.#load(), this.#options.database).backupDir)
  }

  /** Does something that changes something, and notes it. */
  async #noted<Result extends { readonly success: true }>(
    action: string,
    on: string | null,
    parameters: Readonly<Record<string, unknown>>,
    work: (settings: Settings, loaded: LoadedConfig) => Promise<Result>,
  ): Promise<Result | Failure> {
    const started = performance.now()
    const result = await this.#within(work)
    try {
      await new Database(this.#options).recordAction({
        action,
        on,
        parameters,
        result: result.success ? 'success' : result.code,
        durationMs: Math.round(performance.now() - started),
      })
    } catch (error) {
      // Without a configuration there is no log to note it in, and nothing was done.
      if (result.success) throw error
    }
    return result
  }

  async #within<Result extends { readonly success: boolean }>(
    work: (settings: Settings, loaded: LoadedConfig) => Promise<Result>,
  ): Promise<Result | Failure> {
    try {
      const loaded = await this.#load()
      return await work(this.#settingsOf(loaded, this.#options.database), loaded)
    } catch (error) {
      return toFailure(error)
    }
  }

  #resolveAll(loaded: LoadedConfig): readonly Settings[] {
    const { path, database } = this.#options
    const names = Object.keys(loaded.config.databases ?? {})
    const isOne = path !== undefined || database !== undefined || names.length === 0
    return isOne ? [this.#settingsOf(loaded, database)] : names.map(name => this.#settingsOf(loaded, name))
  }

  #settingsOf(loaded: LoadedConfig, database: string | undefined): Settings {
    return resolveSettings(loaded, { ...this.#options, database }, process.env, process.cwd())
  }

  #load(): Promise<LoadedConfig> {
    return loadConfig(process.cwd(), this.#configPath())
  }

  #configPath(): string | undefined {
    return this.#options.config ?? process.env['CHAME_BACKUP_CONFIG']
  }
}
