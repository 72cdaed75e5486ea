import { Argument, type Command } from 'commander'
import type { KeysGenerated } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'

interface KeysOptions {
  readonly output?: string
}

/** Where the identity goes when nobody says where: never to the screen. */
const DEFAULT_FILE = 'chame-backup.key'
const STDOUT = '-'

export function keysCommand(): Command {
  return defineCommand('keys', 'Make a key to encrypt backups to.')
    .addArgument(new Argument('<action>', 'what to do').choices(['generate']))
    .option(
      '--output <file>',
      `where the secret key is written; - for standard output (default: ${DEFAULT_FILE})`,
    )
    .addHelpText(
      'after',
      `${examples([
        ['keys generate', `a new key, its secret half in ${DEFAULT_FILE}`],
        ['keys generate --output /media/usb/key.txt', 'on a medium that is kept elsewhere'],
      ])}\n\nPrints the public key, which belongs in encryption.recipients of the configuration. Keep the secret key\nwhere the backups are not: without it nobody can read them.`,
    )
    .action((_action: string, options: KeysOptions, command: Command) =>
      inSession(command, session => generate(session, options)),
    )
}

async function generate(session: Session, { output = DEFAULT_FILE }: KeysOptions): Promise<number> {
  const { generateKeys } = await import('../index.ts')
  const result = await generateKeys(output === STDOUT ? {} : { output })
  return session.show(result, keys =>
    session.options.quiet ? (keys.identity ?? keys.recipient).trimEnd() : describeKeys(keys, paintOut),
  )
}

function describeKeys({ recipient, identityPath, identity }: KeysGenerated, paint: Paint): string {
  if (identity !== null) return identity.trimEnd()
  return [
    `${paint('green', '✔ Key made:')} ${safeText(identityPath ?? '')}`,
    `  public key: ${recipient}`,
    '  Keep the file where the backups are not, and a copy of it: without it nobody can read them.',
  ].join('\n')
}
