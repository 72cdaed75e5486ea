/** The databases that this server is for, as those who ask for them. */
import {
  Administration,
  BackupError,
  type BackupInfo,
  type CatalogListing,
  Database,
  type DatabaseOptions,
  Scheduler,
  type SettingsShown,
} from '../index.ts'
import type { Principal } from './environment.ts'
import { succeeded } from './problems.ts'
import { TargetListings } from './target-listings.ts'

/** As the library has it: a pre_restore backup is not `latest`. */
const PRE_RESTORE = 'pre_restore'

export class Databases {
  readonly #options: DatabaseOptions
  readonly #listings = new Map<string, Promise<CatalogListing>>()
  readonly #atTargets = new TargetListings()

  /** @param options what the server was started with */
  constructor(options: DatabaseOptions) {
    this.#options = options
  }

  /** The settings of a database, by default of the default one. Refused for a name that is not configured. */
  async settings(name?: string): Promise<SettingsShown> {
    const all = succeeded(await new Administration(this.#options).settings())
    if (name === undefined || name === all.database) return all
    if (!all.databases.some(each => each.name === name)) throw noDatabase(name)
    return succeeded(await new Administration(this.#named(name)).settings())
  }

  /** The database, for what `principal` does with it. */
  async open(name: string, principal: Principal): Promise<Database> {
    return new Database(await this.#optionsOf(name, principal))
  }

  async administration(name: string, principal: Principal): Promise<Administration> {
    return new Administration(await this.#optionsOf(name, principal))
  }

  /**
   * The backups of a database, newest first: those in the backup directory, where nothing is kept there those that the
   * library lists instead, or those at `target`.
   */
  async backups(name: string, target?: string): Promise<readonly BackupInfo[]> {
    return await this.#list(await this.settings(), name, target)
  }

  /** Reads the backups of all databases as {@link backups} has them. Throws for one whose backups cannot be read. */
  async readAll(): Promise<void> {
    const settings = await this.settings()
    for (const { name } of settings.databases) await this.#list(settings, name)
  }

  /** @param settings of any of them: what is needed of these they have in common */
  async #list(
    { databases, signing }: SettingsShown,
    name: string,
    target?: string,
  ): Promise<readonly BackupInfo[]> {
    const database = databases.find(each => each.name === name)
    if (database === undefined) throw noDatabase(name)
    // Whom the configuration trusts may change while the server runs.
    const { trusted } = signing
    if (target === undefined && database.primaryTarget === null)
      return await this.#inDirectory(name, database.backupDir, trusted)
    return await this.#atTargets.list(JSON.stringify([name, target ?? null, trusted]), () =>
      new Database(this.#named(name)).listBackups(target === undefined ? {} : { target }),
    )
  }

  /** Reads the backup directories, so that whoever comes first need not wait. What cannot be read is said to those who ask. */
  async warm(): Promise<void> {
    const settings = await this.settings()
    for (const { name, primaryTarget } of settings.databases)
      if (primaryTarget === null) await this.#list(settings, name).catch(() => {})
  }

  /** Something was changed: what was read of targets does not count any more. The backup directory tells by itself. */
  changed(): void {
    this.#atTargets.forget()
  }

  async #inDirectory(
    name: string,
    backupDir: string,
    trusted: readonly string[],
  ): Promise<readonly BackupInfo[]> {
    const key = JSON.stringify([backupDir, trusted])
    let listing = this.#listings.get(key)
    if (listing === undefined) {
      listing = new Administration(this.#named(name)).openListing()
      this.#listings.set(key, listing)
      listing.catch(() => this.#listings.delete(key))
    }
    const all = await (await listing).list()
    return all.filter(({ database }) => database === null || database === name)
  }

  /** The backup with this file name, or the newest one made on purpose for `latest`. What is asked for is compared, never opened. */
  async findBackup(name: string, wanted: string, target?: string): Promise<BackupInfo> {
    const backups = await this.backups(name, target)
    const found =
      wanted === 'latest'
        ? backups.find(({ type }) => type !== PRE_RESTORE)
        : backups.find(({ filename }) => filename === wanted)
    if (found !== undefined) return found
    const place = target === undefined ? '' : ` at the target ${target}`
    throw new BackupError('BACKUP_NOT_FOUND', `There is no such backup of ${name}${place}`, {
      hint: 'The list of backups says which there are now.',
    })
  }

  /** Notes in the audit log what no operation notes. */
  async record(
    { name: who, via }: Pick<Principal, 'name' | 'via'>,
    event: {
      readonly action: string
      readonly on?: string
      readonly database?: string
      readonly parameters?: Readonly<Record<string, unknown>>
    },
  ): Promise<void> {
    const { action, on = null, database, parameters = {} } = event
    const options = database === undefined ? this.#options : this.#named(database)
    const actor = { door: via === 'session' ? 'console' : 'http', who } as const
    await new Database({ ...options, actor }).recordAction({ action, on, parameters })
  }

  scheduler(): Scheduler {
    const { path, backupDir, database, config, timeZone } = this.#options
    return new Scheduler({
      ...(path === undefined ? {} : { path }),
      ...(backupDir === undefined ? {} : { backupDir }),
      ...(database === undefined ? {} : { database }),
      ...(config === undefined ? {} : { config }),
      ...(timeZone === undefined ? {} : { timeZone }),
    })
  }

  /** All of them, in the text format of Prometheus. */
  async metrics(signal: AbortSignal): Promise<string> {
    return succeeded(await new Database(this.#options).metrics({ signal })).text
  }

  /** Of all of them, the page to restore by when this machine is gone. Nobody can name a file with a secret for it. */
  async recoverySheet(): Promise<string> {
    const { text } = succeeded(await new Database(this.#options).recoverySheet())
    if (text === null) throw new Error('The page was written to a file that nobody named')
    return text
  }

  /** Lets go of all that was read; it is read again when somebody asks. */
  forget(): void {
    for (const listing of this.#listings.values()) {
      listing.then(
        opened => opened[Symbol.dispose](),
        () => {},
      )
    }
    this.#listings.clear()
    this.#atTargets.forget()
  }

  async #optionsOf(name: string, { name: who, via }: Principal): Promise<DatabaseOptions> {
    const { databases } = await this.settings()
    if (!databases.some(each => each.name === name)) throw noDatabase(name)
    return { ...this.#named(name), actor: { door: via === 'session' ? 'console' : 'http', who } }
  }

  /** Where the server was started for one file, that file is the database. */
  #named(name: string): DatabaseOptions {
    const { path, database } = this.#options
    const isOne = path !== undefined && database === undefined
    return { ...this.#options, engine: 'process', ...(isOne ? {} : { database: name }) }
  }
}

function noDatabase(name: string): BackupError {
  return new BackupError('DATABASE_NOT_FOUND', `There is no database ${JSON.stringify(name)}`, {
    hint: 'The list of databases says which there are.',
  })
}
