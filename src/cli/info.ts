import type { Command } from 'commander'
import type { InfoRequest } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { given, targetOption } from './options.ts'
import { outWidth, paintOut } from './output.ts'
import { inSession } from './session.ts'

export function infoCommand(): Command {
  return defineCommand('info', 'Show the database, its backups, and what the next one would take.')
    .addOption(targetOption())
    .addHelpText(
      'after',
      `${examples([
        ['info', 'a page to read'],
        ['info --json', 'for programs'],
        ['info --path data/shop.db', 'another database'],
      ])}\n\nExits with 3 when the last good backup is older than schedule.maxBackupAge.`,
    )
    .action((options: InfoRequest, command: Command) =>
      inSession(command, async session => {
        const { renderInfo } = await import('./render-info.ts')
        const result = await session.run(run => session.database.info({ ...run, ...given(options) }))
        const exit = session.show(result, info =>
          renderInfo(info, { now: new Date(), width: outWidth(), paint: paintOut }),
        )
        // 3: done, and the news is bad.
        return result.success && result.isOverdue ? session.exitOf('BACKUP_DAMAGED') : exit
      }),
    )
}
