import type { Command } from 'commander'
import type { BackupLookedInside, RowsRead } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { describeBackup } from './describe-backup.ts'
import { BACKUP_ARGUMENT, given, identityOption, parseCount, targetOption } from './options.ts'
import { outWidth, type Paint, paintOut } from './output.ts'
import { refuseAlone } from './refuse-unused.ts'
import { describeMasked, renderRows } from './render-cells.ts'
import { inSession, type Session } from './session.ts'
import { type Column, renderTable } from './table.ts'
import { safeText } from './text.ts'
import { number, plural } from './units.ts'

interface InspectOptions {
  readonly limit?: number
  readonly offset?: number
  readonly search?: string
  readonly orderBy?: string
  readonly descending?: true
  readonly includeSensitive?: true
  readonly identity?: string
  readonly target?: string
}

/** What only rows can have. */
const OF_ROWS: readonly (keyof InspectOptions)[] = [
  'limit',
  'offset',
  'search',
  'orderBy',
  'descending',
  'includeSensitive',
]

export function inspectCommand(): Command {
  const command = defineCommand('inspect', 'Look inside a stored backup: its tables, or the rows of one.')
    .argument('[backup]', BACKUP_ARGUMENT, 'latest')
    .argument('[table]', 'a table or a view, to see its rows')
    .option('--limit <n>', 'rows at most, up to 500 (default: 50)', parseCount)
    .option('--offset <n>', 'pass over so many rows', parseCount)
    .option('--search <text>', 'only rows with this text in some column')
    .option('--order-by <column>', 'order by this column (default: by the rowid or the primary key)')
    .option('--descending', 'from the last to the first')
    .option('--include-sensitive', 'show passwords, tokens and the like, too')
    .addOption(identityOption())
    .addOption(targetOption())
    .addHelpText(
      'after',
      examples([
        ['inspect', 'what is in the newest backup'],
        ['inspect latest users', 'the first 50 rows of a table'],
        ['inspect latest users --search smith --order-by created_at --descending', 'some of them'],
        ['inspect copy.db users --offset 50', 'the next 50, of a file anywhere'],
      ]),
    )
    .action((backup: string, table: string | undefined, options: InspectOptions, called: Command) =>
      inSession(called, session =>
        table === undefined
          ? showTables(session, backup, options)
          : showRows(session, backup, { table, ...options }),
      ),
    )
  return refuseAlone(command, Object.fromEntries(OF_ROWS.map(name => [name, ['table']])))
}

async function showTables(
  session: Session,
  backup: string,
  { identity, target }: InspectOptions,
): Promise<number> {
  const result = await session.run(run =>
    session.database.lookInside(backup, { ...run, ...given({ identity, target }) }),
  )
  return session.show(result, looked =>
    session.options.quiet
      ? looked.tables.map(({ name }) => safeText(name)).join('\n')
      : renderTables(looked, paintOut),
  )
}

type LookedTable = BackupLookedInside['tables'][number]

function renderTables({ backup, tables, settings, sqliteVersion }: BackupLookedInside, paint: Paint): string {
  const columns: readonly Column<LookedTable>[] = [
    { title: 'Table', value: ({ name }) => safeText(name), shrinkTo: 12 },
    { title: 'Kind', value: ({ kind }) => kind, drop: 1 },
    { title: 'Rows', value: ({ rows }) => (rows === null ? '' : number(rows)), align: 'right' },
    { title: 'Columns', value: columnsOf, shrinkTo: 20, wraps: true },
    {
      title: 'Sensitive',
      value: table => namesOf(table, ({ sensitive }) => sensitive !== null),
      shrinkTo: 10,
      wraps: true,
      drop: 2,
      paint: text => paint('yellow', text),
    },
    { title: 'Indexes', value: ({ indexes }) => String(indexes.length), align: 'right', drop: 0 },
  ]
  const { page_size: pageSize, encoding, journal_mode: mode, user_version: version } = settings
  return [
    `${paint('bold', safeText(backup.filename))}`,
    `  ${describeBackup(backup, new Date())}`,
    '',
    tables.length === 0
      ? 'There is no table in it.'
      : renderTable(columns, tables, { width: outWidth(), paintTitle: text => paint('bold', text) }),
    paint(
      'dim',
      `${plural(tables.length, 'table')}, ${encoding}, pages of ${number(pageSize)} bytes, journal mode ${mode}, user_version ${version}; read with SQLite ${sqliteVersion}`,
    ),
  ].join('\n')
}

function columnsOf(table: LookedTable): string {
  return table.columns === null ? '?' : namesOf(table, () => true)
}

function namesOf(
  { columns }: LookedTable,
  isMeant: (column: NonNullable<LookedTable['columns']>[number]) => boolean,
): string {
  return (columns ?? [])
    .filter(isMeant)
    .map(({ name }) => safeText(name))
    .join(', ')
}

async function showRows(
  session: Session,
  backup: string,
  request: InspectOptions & { readonly table: string },
): Promise<number> {
  const result = await session.run(run =>
    session.database.readRows(backup, { ...run, table: request.table, ...given(request) }),
  )
  return session.show(result, read => renderRead(read, request.offset ?? 0, paintOut))
}

function renderRead(
  { columns, rows, masked, total, hasMore }: RowsRead,
  offset: number,
  paint: Paint,
): string {
  const of = total === null ? '' : ` of ${number(total)}`
  const range =
    rows.length === 0 ? 'No rows' : `Rows ${number(offset + 1)} to ${number(offset + rows.length)}${of}`
  const more = hasMore ? `; more with --offset ${offset + rows.length}` : ''
  return [
    ...(rows.length === 0 ? [] : [renderRows(columns, rows, paint)]),
    paint('dim', range + more),
    ...describeMasked(masked, paint),
  ].join('\n')
}
