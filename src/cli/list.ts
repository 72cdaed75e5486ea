import type { Command } from 'commander'
import type { BackupInfo } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { ageOf, createdAt, noteOn } from './describe-backup.ts'
import { given, parseCount, targetOption } from './options.ts'
import { outWidth, type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { type Column, renderTable } from './table.ts'
import { safeText } from './text.ts'
import { bytes, plural } from './units.ts'

interface ListOptions {
  readonly type?: string
  readonly limit?: number
  readonly target?: string
}

export function listCommand(): Command {
  return defineCommand('list', 'List the backups of the database, newest first.')
    .option('--type <type>', 'only backups of this type')
    .option('--limit <count>', 'at most so many, the newest ones', parseCount)
    .addOption(targetOption())
    .addHelpText(
      'after',
      examples([
        ['list', 'all of them'],
        ['list --type manual', 'only those made by hand'],
        ['list --limit 10', 'the ten newest'],
        ['list --target s3', 'what is at a target'],
        ['list --json', 'for programs'],
        ['list --quiet', 'file names only'],
      ]),
    )
    .action((options: ListOptions, command: Command) => inSession(command, session => list(session, options)))
}

async function list(session: Session, options: ListOptions): Promise<number> {
  const backups = await session.database.listBackups(given(options))
  const none = backups.length > 0 || session.options.quiet ? '' : await describeNone(session, options)
  return session.show({ success: true, backups }, () => {
    if (session.options.quiet) return backups.map(backup => safeText(backup.filename)).join('\n')
    if (backups.length === 0) return none
    return renderList(backups, { now: new Date(), width: outWidth(), paint: paintOut })
  })
}

/** With the database and the place: whoever forgot `--path` looks for the backups of another one. */
async function describeNone(session: Session, options: ListOptions): Promise<string> {
  const settings = await session.administration.settings()
  if (!settings.success) return 'No backups yet'
  const { type, target } = options
  const own = settings.databases.find(({ isDefault }) => isDefault)
  const what = type === undefined ? 'backups' : `backups of type ${type}`
  const place = target ?? own?.primaryTarget ?? own?.backupDir ?? ''
  const found = `No ${what} of ${own?.path ?? settings.database} yet: ${place}`
  return [found, nextStep(options, settings.backupTypes)].map(safeText).join('\n')
}

function nextStep({ type, target }: ListOptions, types: readonly string[]): string {
  if (target !== undefined) return 'Copy what there is with: chame-backup sync'
  if (type === undefined) return 'Make one with: chame-backup create'
  return types.includes(type)
    ? `Make one with: chame-backup create --type ${type}`
    : `There are: ${types.join(', ')}; backupTypes in the configuration adds others.`
}

interface ListView {
  readonly now: Date
  readonly width: number
  readonly paint: Paint
}

/** The table, and below it how many there are and what they take. */
function renderList(backups: readonly BackupInfo[], { now, width, paint }: ListView): string {
  const columns: readonly Column<BackupInfo>[] = [
    { title: 'File', value: backup => safeText(backup.filename) },
    { title: 'Type', value: backup => safeText(backup.type), drop: 2 },
    { title: 'Created', value: createdAt, drop: 3 },
    { title: 'Age', value: backup => ageOf(backup, now) },
    { title: 'Size', value: backup => bytes(backup.size), align: 'right' },
    {
      title: 'Copies',
      value: backup => safeText(backup.copies.join(', ')),
      shrinkTo: 8,
      drop: 0,
    },
    { title: 'Note', value: noteOn, paint: text => paint('yellow', text), drop: 0 },
    { title: 'Description', value: backup => safeText(backup.description ?? ''), shrinkTo: 12, drop: 1 },
  ]
  const table = renderTable(columns, backups, { width, paintTitle: text => paint('bold', text) })
  const total = backups.reduce((sum, backup) => sum + backup.size, 0)
  const pages = backups.some(({ encoding }) => encoding === 'blocks') ? ', beside their pages in blocks/' : ''
  return `${table}\n${paint('dim', `${plural(backups.length, 'backup')}, ${bytes(total)}${pages}`)}`
}
