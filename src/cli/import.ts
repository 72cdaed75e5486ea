import { type Command, Option } from 'commander'
import type { DataImported, ImportFormat } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'
import { bytes, duration, plural } from './units.ts'

const IMPORT_FORMATS: readonly ImportFormat[] = ['json', 'ndjson', 'csv', 'sql']

interface ImportOptions {
  readonly to: string
  readonly format?: ImportFormat
}

export function importCommand(): Command {
  return defineCommand('import', 'Make a new database of an export; nothing is ever overwritten.')
    .argument('<file>', 'the export: a file, a ZIP, or the directory of a CSV export; compressed or not')
    .requiredOption('--to <file>', 'the database to make; nothing may be there yet')
    .addOption(
      new Option('--format <format>', 'what the export is (default: told from its content)').choices(
        IMPORT_FORMATS,
      ),
    )
    .addHelpText(
      'after',
      examples([
        ['import backups/exports/chame_export_20250627_143022.json --to new.db', 'a whole database'],
        ['import chame_export_20250627_143022.sql.zst --to new.db', 'compressed'],
        ['import exported-tables/ --to new.db', 'CSV with its schema.json'],
        ['import dump.sql --to new.db --format sql', 'what sqlite3 .dump wrote'],
      ]),
    )
    .action((file: string, options: ImportOptions, command: Command) =>
      inSession(command, session => importExport(session, file, options)),
    )
}

async function importExport(session: Session, from: string, options: ImportOptions): Promise<number> {
  const { to, format } = options
  const result = await session.run(run =>
    session.database.importData({ ...run, from, to, ...given({ format }) }),
  )
  return session.show(result, imported => (session.options.quiet ? '' : describeImported(imported, paintOut)))
}

function describeImported(imported: DataImported, paint: Paint): string {
  const { databasePath, tables, rows, format, redacted, leftOut, lost, notes, durationMs } = imported
  const note = (text: string): string => `  ${paint('yellow', 'Note:')} ${safeText(text)}`
  const facts = [
    `from ${format}`,
    plural(Object.keys(tables).length, 'table'),
    plural(rows, 'row'),
    bytes(imported.bytes),
    'checked (full)',
    duration(durationMs),
  ]
  return [
    `${paint('green', '✔ Imported:')} ${safeText(databasePath)}`,
    `  ${facts.join(', ')}`,
    ...redacted.map(({ table, column, how }) =>
      note(`${table}.${column} was redacted in the export (${how})`),
    ),
    ...leftOut.map(({ type, name, why }) => note(`the ${type} ${name} is not in the export: ${why}`)),
    ...lost.map(({ table, what, why }) => note(`lost when it was exported: ${table}, ${what} (${why})`)),
    ...notes.map(note),
  ].join('\n')
}
