import type { Command } from 'commander'
import type { BackupCreated, CheckLevel, Encoding, TargetCopy } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { checkOption, encodingOption, given } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'
import { bytes, duration, plural } from './units.ts'

interface CreateOptions {
  readonly type?: string
  readonly description?: string
  readonly user?: string
  readonly check?: CheckLevel
  readonly keepDamaged?: true
  /** Commander's name for --no-copy. */
  readonly copy: boolean
  readonly encoding?: Encoding
}

export function createCommand(): Command {
  return defineCommand('create', 'Make a consistent, checked backup of the database.')
    .option('--type <type>', 'manual, daily, weekly, or a type that the configuration adds (default: manual)')
    .option('--description <text>', 'why it is made')
    .option('--user <name>', 'who makes it (default: the user of the operating system)')
    .addOption(checkOption('how deep the stored backup is checked (default: the configuration, else quick)'))
    .option('--keep-damaged', 'keep an image that fails its check, as <file>.damaged')
    .option('--no-copy', 'leave the copies at targets to the next sync')
    .addOption(encodingOption('how it is stored (default: the configuration, else plain)'))
    .addHelpText(
      'after',
      `${examples([
        ['create --description "Before migration"', 'a manual backup'],
        ['create --type daily', 'as a scheduler would make it'],
        ['create --type weekly --user "admin"', 'say who made it'],
        ['create --check full', "with SQLite's complete check"],
        ['create --encoding zstd', 'compressed'],
      ])}\n\nExits with 3 when the backup was made, but could not be copied to every target.`,
    )
    .action((options: CreateOptions, command: Command) =>
      inSession(command, session => create(session, options)),
    )
}

async function create(session: Session, options: CreateOptions): Promise<number> {
  const { type: backupType, user: createdBy, description, check, keepDamaged, encoding, copy } = options
  const result = await session.run(run =>
    session.database.createBackup({
      ...run,
      ...given({ backupType, createdBy, description, check, keepDamaged, encoding, copy }),
    }),
  )
  const exit = session.show(result, created => {
    const problems = created.targets.filter(
      ({ status, anchorProblem }) => status === 'failed' || anchorProblem !== undefined,
    )
    if (session.options.quiet) return problems.map(copy => describeCopy(copy, paintOut)).join('\n')
    return describeCreated(created, paintOut)
  })
  const isMissed = result.success && result.targets.some(({ status }) => status === 'failed')
  return isMissed ? session.exitOf('BACKUP_DAMAGED') : exit
}

function describeCreated(created: BackupCreated, paint: Paint): string {
  const { backupPath, metadata, targets, durationMs } = created
  const { check = 'none', tables } = metadata
  const facts = [
    describeSize(metadata),
    check === 'none' ? 'not checked' : `checked (${check})`,
    ...(tables === undefined ? [] : [describeTables(tables)]),
    duration(durationMs),
  ]
  return [
    `${paint('green', '✔ Backup created:')} ${safeText(backupPath)}`,
    `  ${facts.join(', ')}`,
    ...targets.map(copy => `  ${describeCopy(copy, paint)}`),
  ].join('\n')
}

function describeCopy(copy: TargetCopy, paint: Paint): string {
  const { name, status, message = '', hint, durationMs, anchorProblem } = copy
  if (status === 'copied') {
    const copied = `copied to ${safeText(name)}, ${duration(durationMs)}`
    return anchorProblem === undefined
      ? copied
      : `${copied}; ${paint('yellow', 'without an anchor of the audit log:')} ${safeText(anchorProblem)}`
  }
  const next = hint === undefined ? '' : ` ${safeText(hint)}`
  return `${paint(['red', 'bold'], `✘ Not copied to ${safeText(name)}:`)} ${safeText(message)}.${next} The next sync copies it.`
}

function describeSize(metadata: BackupCreated['metadata']): string {
  const { file_size, image_size, encoding, added_bytes } = metadata
  if (encoding === undefined || encoding === 'plain' || image_size === undefined) return bytes(file_size)
  if (added_bytes !== undefined) {
    const how = metadata.encrypted === true ? `${encoding}, encrypted` : encoding
    return `${bytes(added_bytes)} added for ${bytes(image_size)} (${how})`
  }
  return `${bytes(file_size)} of ${bytes(image_size)} (${encoding})`
}

function describeTables(tables: Readonly<Record<string, number>>): string {
  const rows = Object.values(tables)
  return `${plural(rows.length, 'table')}, ${plural(
    rows.reduce((sum, count) => sum + count, 0),
    'row',
  )}`
}
