import type { Command } from 'commander'
import type { BackupQueried } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { BACKUP_ARGUMENT, given, parseCount } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { describeMasked, renderRows } from './render-cells.ts'
import { inSession, type Session } from './session.ts'
import { duration, plural } from './units.ts'

interface QueryOptions {
  readonly limit?: number
  readonly timeLimit?: number
  readonly includeSensitive?: true
}

export function queryCommand(): Command {
  return defineCommand('query', 'Run one SQL statement that only reads on a stored backup.')
    .argument('<backup>', BACKUP_ARGUMENT)
    .argument('<sql>', 'SELECT, WITH, VALUES or EXPLAIN')
    .option('--limit <n>', 'rows at most, up to 1,000 (default: 200)', parseCount)
    .option('--time-limit <ms>', 'milliseconds at most, up to 30,000 (default: 5,000)', parseCount)
    .option('--include-sensitive', 'read passwords, tokens and the like as they are, not as NULL')
    .addHelpText(
      'after',
      examples([
        ['query latest "SELECT count(*) FROM users"', 'how many there were'],
        ['query latest "SELECT * FROM users WHERE id = 7" --json', 'one row, for a program'],
      ]),
    )
    .action((backup: string, sql: string, options: QueryOptions, command: Command) =>
      inSession(command, session => query(session, backup, sql, options)),
    )
}

async function query(session: Session, backup: string, sql: string, options: QueryOptions): Promise<number> {
  const { limit, timeLimit: timeLimitMs, includeSensitive } = options
  const request = { sql, ...given({ limit, timeLimitMs, includeSensitive }) }
  const result = await session.run(run => session.database.queryBackup(backup, { ...run, ...request }))
  return session.show(result, queried => renderQueried(queried, session.options.quiet === true, paintOut))
}

function renderQueried(
  { columns, rows, masked, truncated, durationMs }: BackupQueried,
  isQuiet: boolean,
  paint: Paint,
): string {
  const table = rows.length === 0 ? [] : [renderRows(columns, rows, paint)]
  const cut = truncated === null ? '' : ', and there are more'
  const count = paint('dim', `${plural(rows.length, 'row')}${cut}, ${duration(durationMs)}`)
  return [...table, ...(isQuiet ? [] : [count, ...describeMasked(masked, paint)])].join('\n')
}
