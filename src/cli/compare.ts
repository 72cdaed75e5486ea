import type { Command } from 'commander'
import type { BackupsCompared } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { BACKUP_ARGUMENT, given, identityOption, parseCount, targetOption } from './options.ts'
import { outWidth, type Paint, paintOut } from './output.ts'
import { refuseAlone } from './refuse-unused.ts'
import { cellText, describeMasked } from './render-cells.ts'
import { inSession, type Session } from './session.ts'
import { type Column, renderTable } from './table.ts'
import { safeText } from './text.ts'
import { number, plural } from './units.ts'

interface CompareOptions {
  readonly with?: string
  readonly limit?: number
  readonly offset?: number
  readonly includeSensitive?: true
  readonly identity?: string
  readonly target?: string
}

export function compareCommand(): Command {
  const command = defineCommand(
    'compare',
    'What restoring a backup would change, table by table, or row by row.',
  )
    .argument('[backup]', BACKUP_ARGUMENT, 'latest')
    .argument('[table]', 'a table, to see the rows that differ')
    .option('--with <backup>', 'compare with this backup instead of the live database')
    .option('--limit <n>', 'rows at most, up to 500 (default: 50)', parseCount)
    .option('--offset <n>', 'pass over so many rows', parseCount)
    .option('--include-sensitive', 'show passwords, tokens and the like, too')
    .addOption(identityOption())
    .addOption(targetOption())
    .addHelpText(
      'after',
      examples([
        ['compare', 'what restoring the newest backup would change'],
        ['compare latest users', 'which rows of a table, and which of their columns'],
        [
          'compare latest --with chame_backup_daily_20250627_020000.db',
          'what has changed from that backup to the newest',
        ],
      ]),
    )
    .action((backup: string, table: string | undefined, options: CompareOptions, called: Command) =>
      inSession(called, session => compare(session, backup, { ...options, ...given({ table }) })),
    )
  return refuseAlone(command, { limit: ['table'], offset: ['table'], includeSensitive: ['table'] })
}

async function compare(
  session: Session,
  backup: string,
  request: CompareOptions & { readonly table?: string },
): Promise<number> {
  const result = await session.run(run =>
    session.database.compareBackups(backup, { ...run, ...given(request) }),
  )
  return session.show(result, compared => {
    if (session.options.quiet) return namesOfDiffering(compared)
    return [renderCompared(compared, paintOut), ...renderRows(compared, request.offset ?? 0, paintOut)].join(
      '\n',
    )
  })
}

type ComparedTable = BackupsCompared['tables'][number]

/** For scripts: one table a line. */
function namesOfDiffering({ tables }: BackupsCompared): string {
  return tables
    .filter(isDifferent)
    .map(({ name }) => safeText(name))
    .join('\n')
}

function isDifferent({ status, added, removed, changed, columns }: ComparedTable): boolean {
  if (status === 'added' || status === 'removed' || added + removed + changed > 0) return true
  return columns.added.length + columns.removed.length + columns.changed.length > 0
}

function renderCompared(compared: BackupsCompared, paint: Paint): string {
  const { from, to, tables, objects, rows } = compared
  const sideOf = ({ kind, path, backup }: BackupsCompared['from']): string =>
    kind === 'database' ? `the database as it is: ${safeText(path)}` : safeText(backup?.filename ?? path)
  const count = (of: (table: ComparedTable) => number): Pick<Column<ComparedTable>, 'value' | 'align'> => ({
    value: table => (of(table) === 0 ? '' : number(of(table))),
    align: 'right',
  })
  const columns: readonly Column<ComparedTable>[] = [
    { title: 'Table', value: ({ name }) => safeText(name), shrinkTo: 12 },
    { title: 'Added', ...count(({ added }) => added), paint: text => paint('green', text) },
    { title: 'Removed', ...count(({ removed }) => removed), paint: text => paint('red', text) },
    { title: 'Changed', ...count(({ changed }) => changed), paint: text => paint('yellow', text) },
    { title: 'Unchanged', ...count(({ unchanged }) => unchanged), drop: 2 },
    { title: 'Matched by', value: ({ matchedBy }) => matchedBy ?? '', drop: 3 },
    { title: 'Note', value: noteOn, shrinkTo: 16, drop: 1 },
  ]
  const shown = rows === null ? tables.filter(table => isDifferent(table) || table.why !== null) : tables
  const same = tables.length - shown.length
  return [
    `${paint('bold', 'From')} ${sideOf(from)}`,
    `${paint('bold', 'to')}   ${sideOf(to)}`,
    '',
    ...(shown.length === 0
      ? []
      : [renderTable(columns, shown, { width: outWidth(), paintTitle: text => paint('bold', text) })]),
    ...objects.map(({ type, name, change }) => `${type} ${safeText(name)}: ${change}`),
    compared.status === 'equal'
      ? paint('green', '✔ Nothing differs.')
      : paint('dim', summarize(compared, same)),
  ].join('\n')
}

function summarize({ status, tables }: BackupsCompared, same: number): string {
  const others = same === 0 ? '' : `; ${plural(same, 'more table')} without a difference`
  return `${status === 'incomplete' ? 'Nothing else differs' : `${plural(tables.filter(isDifferent).length, 'table')} with differences`}${others}.`
}

function noteOn({ status, why, columns }: ComparedTable): string {
  if (status === 'added') return 'new table'
  if (status === 'removed') return 'table goes'
  const parts = [
    ...columns.added.map(name => `+${name}`),
    ...columns.removed.map(name => `-${name}`),
    ...columns.changed.map(name => `~${name}`),
  ]
  return safeText([...(why === null ? [] : [why]), ...parts].join(' '))
}

const SIGNS = { added: '+', removed: '-', changed: '~' } as const
const COLOURS = { added: 'green', removed: 'red', changed: 'yellow' } as const

/** One line a row; of a changed one the columns that differ, before and after. */
function renderRows({ rows: compared }: BackupsCompared, offset: number, paint: Paint): string[] {
  if (compared === null || compared.rows.length === 0) return []
  const { columns, rows, masked, hasMore } = compared
  const lines = rows.map(({ change, before, after, changedColumns }) => {
    const cells = columns.map((name, i) => {
      const [old, now] = [cellText(before?.[i] ?? null), cellText(after?.[i] ?? null)]
      const value = changedColumns.includes(name) ? `${old} → ${now}` : before === null ? now : old
      return `${safeText(name)}=${value}`
    })
    return `${paint(COLOURS[change], SIGNS[change])} ${cells.join('  ')}`
  })
  const more = hasMore ? [paint('dim', `More with --offset ${offset + rows.length}`)] : []
  return ['', ...lines, ...more, ...describeMasked(masked, paint)]
}
