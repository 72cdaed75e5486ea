/** Who makes a copy of a database, and how. Each ends with its copy flushed to the disk, so that all do the same work. */
import { DatabaseSync, backup } from 'node:sqlite'
import type { CheckLevel } from '../src/index.ts'
import type { BenchContext } from './bench-context.ts'
import { quoted, run } from './command.ts'
import type { Contender } from './measure.ts'

export const CP = 'cp + fsync'
export const SQLITE_BACKUP = 'sqlite3 .backup'

/** Copies the files as they are; of a database in use the copy would often be broken. */
export function cp(database: string, context: BenchContext, suffixes: readonly string[] = ['']): Contender {
  const copy = context.path('cp.db')
  return {
    name: CP,
    run: async () => {
      for (const suffix of suffixes) await run('cp', [database + suffix, copy + suffix])
      await run(
        'sync',
        suffixes.map(suffix => copy + suffix),
      )
    },
    after: () => context.remove(copy),
  }
}

export function sqliteBackup(database: string, context: BenchContext): Contender {
  const copy = context.path('sqlite-backup.db')
  return {
    name: SQLITE_BACKUP,
    run: async () => {
      await run('sqlite3', [database, `.backup ${quoted(copy)}`])
      await run('sync', [copy])
    },
    after: () => context.remove(copy),
  }
}

export function vacuumInto(database: string, context: BenchContext): Contender {
  const copy = context.path('vacuum.db')
  return {
    name: 'VACUUM INTO',
    run: async () => {
      await run('sqlite3', [database, `VACUUM INTO '${copy.replaceAll("'", "''")}'`])
      await run('sync', [copy])
    },
    after: () => context.remove(copy),
  }
}

/** The backup API of this runtime, in one step, as no other process writes. */
export function nodeBackup(database: string, context: BenchContext): Contender {
  const copy = context.path('node-backup.db')
  return {
    name: 'node:sqlite backup()',
    run: async () => {
      const source = new DatabaseSync(database, { readOnly: true })
      await backup(source, copy, { rate: 0x7fffffff })
      source.close()
      await run('sync', [copy])
    },
    after: () => context.remove(copy),
  }
}

/** The first backup of the file into a new repository; of a database in use it would often be broken. */
export function restic(database: string, context: BenchContext): Contender {
  const repository = context.path('restic')
  const env = {
    RESTIC_REPOSITORY: repository,
    RESTIC_PASSWORD: 'bench',
    RESTIC_CACHE_DIR: context.path('restic-cache'),
  }
  return {
    name: 'restic backup (first)',
    before: () => run('restic', ['init'], { env }),
    run: () => run('restic', ['backup', '--quiet', database], { env }),
    after: () => context.remove(repository),
  }
}

/** The product through its library, its engine process started before. */
export function createBackup(database: string, check: CheckLevel, context: BenchContext): Contender {
  const backupDir = context.path('ours')
  const backups = new context.product.Database({ path: database, backupDir })
  return {
    name: `chame-backup create, check ${check}`,
    run: async () => must(await backups.createBackup({ check })),
    after: () => context.remove(backupDir),
  }
}

/** Engine processes start with the first call and are reused; that is not what the large rows are about. */
export async function startEngine(database: string, context: BenchContext): Promise<void> {
  must(await new context.product.Database({ path: database, backupDir: context.path('none') }).info())
}

export function must<T extends { readonly success: boolean }>(result: T): T & { readonly success: true } {
  if (result.success) return result as T & { readonly success: true }
  throw new Error(JSON.stringify(result))
}
