/** The two actions of `keys` that look at what is there. */
import type { CheckKeysRequest, EncryptedBackup, KeysChecked, RecoverySheetRequest } from '../index.ts'
import { given } from './options.ts'
import { type Paint, paintOut, printWarning } from './output.ts'
import type { Session } from './session.ts'
import { safeLines, safeText } from './text.ts'
import { bytes, duration, plural } from './units.ts'

/** More would push the verdict off the page; `--json` has them all. */
const BACKUPS_SHOWN = 20

export async function checkKeys(session: Session, request: CheckKeysRequest): Promise<number> {
  const result = await session.run(run => session.database.checkKeys({ ...run, ...given(request) }))
  const exit = session.show(result, checked =>
    session.options.quiet && checked.status === 'proven' ? '' : describeChecked(checked, paintOut),
  )
  if (!result.success || result.status === 'proven') return exit
  return session.exitOf(isOpened(result) ? 'BACKUP_DAMAGED' : 'KEY_WRONG')
}

/** Whether the newest encrypted backup opened, whatever was in it, or cannot be asked that. */
function isOpened({ proof, newest }: KeysChecked): boolean {
  return proof !== null || newest.problem !== null
}

export async function printSheet(session: Session, request: RecoverySheetRequest): Promise<number> {
  const result = await session.database.recoverySheet(given(request))
  // Beside the page, not on it: it may be on its way to a printer.
  if (result.success && session.options.json !== true && session.options.quiet !== true)
    for (const warning of result.warnings) printWarning(warning)
  return session.show(result, ({ path, text, hasSecret }) => {
    if (text !== null) return safeLines(text.trimEnd())
    if (session.options.quiet) return ''
    const secret = hasSecret ? '\n  The key is on it: whoever reads it can read every backup.' : ''
    return `${paintOut('green', '✔ Written:')} ${safeText(path ?? '')}${secret}\n  Print it, and keep it where this machine is not.`
  })
}

function describeChecked(checked: KeysChecked, paint: Paint): string {
  const { keys, recipients, backups, unencrypted, warnings } = checked
  const closed = backups.filter(({ openedBy }) => openedBy.length === 0)
  const unproven = recipients.filter(({ isProven }) => !isProven)
  return [
    ...describeVerdict(checked, paint),
    ...keys.map(
      ({ recipient, opens }) =>
        `  ${recipient ?? 'the passphrase'} opens ${opens} of ${plural(backups.length, 'encrypted backup')}`,
    ),
    ...describeClosed(closed, paint),
    ...(unencrypted === 0
      ? []
      : [
          paint(
            'yellow',
            `  ! ${plural(unencrypted, 'backup is', 'backups are')} not encrypted, and can be read without a key`,
          ),
        ]),
    ...unproven.map(({ recipient }) =>
      paint('yellow', `  ! not proven here: the identity of the recipient ${recipient}`),
    ),
    ...warnings.map(warning => paint('yellow', `  ! ${warning}`)),
  ].join('\n')
}

function describeVerdict({ status, proof, newest }: KeysChecked, paint: Paint): string[] {
  if (proof === null) {
    const why = newest.problem ?? 'none of these keys opens the newest encrypted backup'
    return [`${paint(['red', 'bold'], '✘ Not proven:')} ${safeText(why)}`]
  }
  const { filename, imageBytes, problems, durationMs } = proof
  const done = `${bytes(imageBytes)} decrypted, checked (full), ${duration(durationMs)}`
  if (problems.length > 0) {
    return [
      `${paint(['red', 'bold'], '✘ Not proven, the backup is damaged:')} ${safeText(filename)}`,
      ...problems.map(({ message }) => `  ${paint('red', safeText(message))}`),
    ]
  }
  const verdict =
    status === 'proven'
      ? paint('green', '✔ Proven:')
      : paint(['yellow', 'bold'], '! Proven for the newest, not for all:')
  return [`${verdict} ${safeText(filename)}`, `  ${done}`]
}

function describeClosed(closed: readonly EncryptedBackup[], paint: Paint): string[] {
  const rest = closed.length - BACKUPS_SHOWN
  return [
    ...closed
      .slice(0, BACKUPS_SHOWN)
      .map(({ path, problem }) =>
        paint('red', `  ✘ ${safeText(path)}: ${safeText(problem ?? 'encrypted to other keys')}`),
      ),
    ...(rest > 0 ? [`  and ${rest} more`] : []),
  ]
}
