/** What an operation is given, for tests that run one by itself to choose what its SQLite process meets. */
import { dirname, join } from 'node:path'
import type { Config } from '../../src/config/config.ts'
import { resolveSettings } from '../../src/config/settings.ts'
import type { Context } from '../../src/operations/context.ts'
import { openConfigured } from '../../src/operations/open-configured.ts'
import { WatchedSqlite } from './watched-sqlite.ts'

export interface ContextOptions extends Partial<Omit<Context, 'settings'>> {
  readonly path: string
  readonly backupDir?: string
  readonly disposable?: boolean
  readonly waitForLockMs?: number
  readonly config?: Config
}

/** The context of an operation on the database at `path`, with backups in `backups` beside it unless told otherwise. */
export function contextOf({
  path,
  backupDir = join(dirname(path), 'backups'),
  disposable = false,
  waitForLockMs = 30_000,
  config = {},
  ...rest
}: ContextOptions): Context {
  const directory = dirname(path)
  const loaded = { config: { waitForLockMs, ...config }, directory, file: null }
  const settings = resolveSettings(loaded, { path, backupDir, disposable }, {}, directory)
  return {
    settings,
    sqlite: new WatchedSqlite(),
    signal: new AbortController().signal,
    onProgress: () => {},
    now: () => new Date(),
    openTarget: name => openConfigured(settings, name, {}),
    ...rest,
  }
}
