import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import { addCommand } from './add.ts'
import { auditCommand } from './audit.ts'
import { cleanupCommand } from './cleanup.ts'
import { compareCommand } from './compare.ts'
import { completionCommand } from './completion.ts'
import { convertCommand } from './convert.ts'
import { createCommand } from './create.ts'
import { defineCommand, examples } from './define-command.ts'
import { deleteCommand } from './delete.ts'
import { drillCommand } from './drill.ts'
import { exportCommand } from './export.ts'
import { exportsCommand } from './exports.ts'
import { importCommand } from './import.ts'
import { infoCommand } from './info.ts'
import { inspectCommand } from './inspect.ts'
import { listCommand } from './list.ts'
import { metricsCommand } from './metrics.ts'
import { notifyCommand } from './notify.ts'
import { keysCommand } from './keys.ts'
import { addGlobalOptions } from './options.ts'
import { pinCommand, unpinCommand } from './pin.ts'
import { queryCommand } from './query.ts'
import { restoreCommand } from './restore.ts'
import { repairCommand } from './repair.ts'
import { syncCommand } from './sync.ts'
import { serveCommand } from './serve.ts'
import { settingsCommand } from './settings.ts'
import { systemdCommand } from './systemd.ts'
import { targetCommand } from './target.ts'
import { schedulerCommand } from './scheduler.ts'
import { tokenCommand } from './token.ts'
import { verifyCommand } from './verify.ts'

/** The whole command line as a tree: what is parsed, what help shows, what shell completion offers. */
export function buildProgram(): Command {
  const program = addGlobalOptions(
    defineCommand('chame-backup', 'Backups for SQLite, proven to restore.'),
  ).version(readVersion(), '--version', 'print the version')
  for (const command of [
    createCommand(),
    syncCommand(),
    repairCommand(),
    addCommand(),
    listCommand(),
    restoreCommand(),
    verifyCommand(),
    drillCommand(),
    inspectCommand(),
    queryCommand(),
    compareCommand(),
    infoCommand(),
    cleanupCommand(),
    deleteCommand(),
    pinCommand(),
    unpinCommand(),
    convertCommand(),
    keysCommand(),
    exportCommand(),
    exportsCommand(),
    importCommand(),
    serveCommand(),
    tokenCommand(),
    settingsCommand(),
    systemdCommand(),
    notifyCommand(),
    metricsCommand(),
    auditCommand(),
    targetCommand(),
    schedulerCommand(),
    completionCommand(),
  ]) {
    program.addCommand(command)
  }
  return program.helpCommand('help [command]', 'show help for a command').addHelpText(
    'after',
    examples([
      ['create --description "Before migration"', 'make a backup'],
      ['list --limit 10', 'the ten newest'],
      ['verify', 'check the newest'],
      ['compare', 'what restoring it would change'],
      ['restore latest --to copy.db', 'restore it beside the database'],
      ['cleanup --confirm', 'delete old backups'],
      ['info', 'the state of the database and its backups'],
      ['export --format csv --zip', 'its data for other programs'],
    ]),
  )
}

function readVersion(): string {
  // The package's own description lies two levels up, from src/cli and from dist/cli alike.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
