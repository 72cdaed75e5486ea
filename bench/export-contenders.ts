/** Who writes a database out as text, and how. Each ends with its files flushed to the disk. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { BenchContext } from './bench-context.ts'
import { quoted, run } from './command.ts'
import { must } from './contenders.ts'
import type { Contender } from './measure.ts'

export type TextFormat = 'sql' | 'csv' | 'json'

/** A table with rows of its own: no virtual one, whose rows are those of its shadow tables. */
interface Table {
  readonly name: string
  readonly columns: readonly { readonly name: string; readonly isBlob: boolean }[]
}

/** The product through its library, its engine process started before. */
export function exportData(database: string, format: TextFormat, context: BenchContext): Contender {
  const output = context.path(`ours-export-${format}`)
  const backups = new context.product.Database({ path: database, backupDir: context.path('export-backups') })
  return {
    name: `chame-backup export, ${format}`,
    run: async () => must(await backups.exportData({ format, includeSensitive: true, output })),
    after: () => context.remove(output),
  }
}

export function sqliteDump(database: string, context: BenchContext): Contender {
  const script = context.path('dump.sql')
  return {
    name: 'sqlite3 .dump',
    run: async () => {
      await run('sqlite3', [database, `.output ${quoted(script)}`, '.dump'])
      await run('sync', [script])
    },
    after: () => context.remove(script),
  }
}

/**
 * Every table into a file of its own. In CSV the shell cuts a blob at its first NUL and so writes a fraction of it;
 * `areBlobsWhole` has it write them as SQL does, X'…', as the product does.
 */
export function sqliteMode(
  database: string,
  mode: 'csv' | 'json',
  { areBlobsWhole }: { readonly areBlobsWhole: boolean },
  context: BenchContext,
): Contender {
  const directory = context.path(`sqlite-${mode}`)
  const tables = tablesOf(database)
  const select = ({ name, columns }: Table): string => {
    const values = columns.map(column =>
      areBlobsWhole && column.isBlob ? `quote(${quoteName(column.name)})` : quoteName(column.name),
    )
    return `SELECT ${values.join(', ')} FROM ${quoteName(name)};`
  }
  const files = tables.map((_table, i) => join(directory, `${i}.${mode}`))
  return {
    name: `sqlite3 .mode ${mode}${areBlobsWhole ? ', blobs whole' : ''}`,
    before: () => mkdirSync(directory),
    run: async () => {
      const commands = tables.flatMap((table, i) => [`.once ${quoted(files[i] ?? '')}`, select(table)])
      await run('sqlite3', [database, `.mode ${mode}`, '.headers on', ...commands])
      await flush(directory)
    },
    after: () => context.remove(directory),
  }
}

export function sqliteUtils(database: string, format: TextFormat, context: BenchContext): Contender {
  const directory = context.path(`sqlite-utils-${format}`)
  const tables = tablesOf(database)
  return {
    name: `sqlite-utils, ${format}`,
    before: () => mkdirSync(directory),
    run: async () => {
      if (format === 'sql') await runInto(join(directory, 'dump.sql'), 'sqlite-utils', ['dump', database])
      for (const [i, { name }] of format === 'sql' ? [] : tables.entries()) {
        const args = ['rows', database, name, ...(format === 'csv' ? ['--csv'] : [])]
        await runInto(join(directory, `${i}.${format}`), 'sqlite-utils', args)
      }
      await flush(directory)
    },
    after: () => context.remove(directory),
  }
}

function tablesOf(path: string): Table[] {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    const tables = database
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 ORDER BY rowid")
      .all()
    return tables.map(table => {
      const columns = database
        .prepare('SELECT name, type FROM pragma_table_info(?)')
        .all(String(table['name']))
      return {
        name: String(table['name']),
        columns: columns.map(({ name, type }) => ({
          name: String(name),
          isBlob: /blob/i.test(String(type)),
        })),
      }
    })
  } finally {
    database.close()
  }
}

async function flush(directory: string): Promise<void> {
  await run(
    'sync',
    readdirSync(directory).map(file => join(directory, file)),
  )
}

/** Runs a program whose output goes into a file. */
async function runInto(file: string, program: string, args: readonly string[]): Promise<void> {
  const fd = openSync(file, 'w')
  try {
    const child = spawn(program, args, { stdio: ['ignore', fd, 'ignore'] })
    await new Promise<void>((resolve, reject) => {
      child.on('error', reject)
      child.on('close', code => (code === 0 ? resolve() : reject(new Error(`${program}: exit code ${code}`))))
    })
  } finally {
    closeSync(fd)
  }
}

function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}
