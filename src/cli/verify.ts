import type { Command } from 'commander'
import type { BackupVerified, CheckLevel, StoreVerified } from '../index.ts'
import { type CopiesOptions, verifyCopies } from './verify-copies.ts'
import { defineCommand, examples } from './define-command.ts'
import { describeBackup, signatureNote } from './describe-backup.ts'
import { BACKUP_ARGUMENT, checkOption, given, identityOption, targetOption } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { refuseAlone } from './refuse-unused.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'
import { duration, number, plural } from './units.ts'

interface VerifyOptions {
  readonly check?: CheckLevel
  readonly record?: true
  readonly identity?: string
  readonly target?: string
}

interface StoreOptions {
  readonly sample?: string
  readonly time?: string
  readonly identity?: string
}

type AllOptions = VerifyOptions &
  StoreOptions & { readonly copies?: true; readonly within?: CopiesOptions['within'] }

export function verifyCommand(): Command {
  const command = defineCommand('verify', 'Check a stored backup: its checksum, then the database inside it.')
    .argument('[backup]', `${BACKUP_ARGUMENT} (default: "latest")`)
    .addOption(checkOption('how deep the database is checked (default: full)'))
    .option('--record', "note the result in the backup's metadata; otherwise nothing is written")
    .addOption(identityOption())
    .addOption(targetOption())
    .option(
      '--sample <share>',
      'instead: look at so much of all that is stored by pages (blocks), such as 5% or 1/30',
    )
    .option('--time <duration>', 'instead: look at it for so long, such as 10m')
    .option(
      '--copies',
      'instead: read again what lies at the targets, or at --target; of it --sample or --time, what was read longest ago first',
    )
    .option(
      '--within <duration>',
      'with --copies: so much that each is read again within this time, such as 30d',
    )
    .addHelpText(
      'after',
      `${examples([
        ['verify', 'the newest backup'],
        ['verify chame_backup_daily_20250627_020000.db', 'a certain one'],
        ['verify --check quick', 'faster, without the indexes'],
        ['verify --sample 5%', 'a twentieth of the packs in blocks/, another one each time'],
        ['verify --sample 100%', 'every page of every backup in blocks/'],
        ['verify --copies --within 30d', 'what is due of the copies at the targets, once a day'],
      ])}\n\nExits with 3 when something is damaged, or not signed by a key that the configuration trusts.`,
    )
    .action((backup: string | undefined, options: AllOptions, called: Command) => {
      const { copies, within, ...ofOthers } = options
      if (copies === true) {
        const { target, sample, time, ...others } = ofOthers
        if (backup !== undefined || Object.keys(others).length > 0)
          called.error('error: --copies goes with --target, --within, --sample and --time only')
        return inSession(called, session => verifyCopies(session, given({ target, within, sample, time })))
      }
      const { sample, time, ...ofBackup } = ofOthers
      if (sample === undefined && time === undefined)
        return inSession(called, session => verify(session, backup ?? 'latest', ofBackup))
      const { identity, ...ofOne } = ofBackup
      if (backup !== undefined || Object.keys(ofOne).length > 0)
        called.error('error: --sample and --time are of all packs, and go with nothing that is of one backup')
      return inSession(called, session => verifyStore(session, given({ sample, time, identity })))
    })
  return refuseAlone(command, { within: ['copies'] })
}

async function verifyStore(session: Session, options: StoreOptions): Promise<number> {
  const result = await session.run(run => session.database.verifyStore({ ...run, ...options }))
  const exit = session.show(result, verified =>
    session.options.quiet && verified.status === 'intact' ? '' : describeStore(verified, paintOut),
  )
  return result.success && result.status === 'damaged' ? session.exitOf('BACKUP_DAMAGED') : exit
}

function describeStore(verified: StoreVerified, paint: Paint): string {
  const { status, problems, backups, packs, lockedPacks, parts, checkedParts, isRoundComplete } = verified
  if (status === 'intact' && packs === 0 && backups === 0)
    return 'No backup is stored by its pages: there is nothing to look at.'
  const verdict = status === 'intact' ? paint('green', '✔ Intact:') : paint(['red', 'bold'], '✘ Damaged:')
  const share = checkedParts === parts ? 'all' : `${number(checkedParts)} of ${number(parts)}`
  const round = isRoundComplete ? 'everything has been looked at' : 'the next check goes on from here'
  return [
    `${verdict} ${plural(packs, 'pack')} of ${plural(backups, 'backup')}`,
    ...problems.flatMap(({ path, message, hurts }) => [
      `  ${paint('red', safeText(message))}`,
      ...hurts.filter(hurt => hurt !== path).map(hurt => `    hurts ${safeText(hurt)}`),
    ]),
    `  ${share} of the parts looked at, ${round}, ${duration(verified.durationMs)}`,
    ...(lockedPacks === 0
      ? []
      : [`  ${plural(lockedPacks, 'pack')} encrypted: nobody looked inside without a key`]),
  ].join('\n')
}

async function verify(session: Session, backup: string, options: VerifyOptions): Promise<number> {
  const result = await session.run(run =>
    session.database.verifyBackup(backup, { ...run, ...given(options) }),
  )
  const exit = session.show(result, verified =>
    session.options.quiet && isGood(verified) ? '' : describeVerified(verified, paintOut),
  )
  return result.success && !isGood(result) ? session.exitOf('BACKUP_DAMAGED') : exit
}

function isGood({ status, backup }: BackupVerified): boolean {
  return status === 'intact' && signatureNote(backup) === ''
}

function describeVerified(verified: BackupVerified, paint: Paint): string {
  const { backup, status, problems, checksumCompared, durationMs } = verified
  const verdict = status === 'intact' ? paint('green', '✔ Intact:') : paint(['red', 'bold'], '✘ Damaged:')
  const note = signatureNote(backup)
  const checked = [
    ...(backup.signature === 'valid' ? ['signed by a trusted key'] : []),
    checksumCompared ? 'checksum compared' : 'no recorded checksum to compare with',
    describeLook(verified),
    duration(durationMs),
  ]
  return [
    `${verdict} ${safeText(backup.filename)}`,
    `  ${describeBackup(backup, new Date())}`,
    ...problems.map(problem => `  ${paint('red', safeText(problem.message))}`),
    ...(note === '' ? [] : [`  ${paint('red', `It is not to be trusted: ${note}`)}`]),
    `  ${checked.join(', ')}`,
  ].join('\n')
}

function describeLook({ backup, lookedAt, check }: BackupVerified): string {
  if (lookedAt === 'image') return `${check} check`
  return backup.encoding === 'zstd+age' || backup.metadata?.encrypted === true
    ? 'encrypted: nobody looked inside without a key'
    : 'database not checked'
}
