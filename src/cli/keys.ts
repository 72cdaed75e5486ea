import { Argument, type Command } from 'commander'
import type { KeysGenerated, SigningKeyGenerated } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { type Paint, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'

interface KeysOptions {
  readonly output?: string
  readonly signing?: true
}

/** Where the secret key goes when nobody says where: never to the screen. */
const DEFAULT_FILE = 'chame-backup.key'
const DEFAULT_SIGNING_FILE = 'chame-backup.signing.key'
const STDOUT = '-'

export function keysCommand(): Command {
  return defineCommand('keys', 'Make a key to encrypt backups to, or to sign them with.')
    .addArgument(new Argument('<action>', 'what to do').choices(['generate']))
    .option(
      '--output <file>',
      `where the secret key is written; - for standard output (default: ${DEFAULT_FILE}, or ${DEFAULT_SIGNING_FILE})`,
    )
    .option('--signing', 'a key to sign with')
    .addHelpText(
      'after',
      `${examples([
        ['keys generate', `a new key, its secret half in ${DEFAULT_FILE}`],
        ['keys generate --output /media/usb/key.txt', 'on a medium that is kept elsewhere'],
        ['keys generate --signing --output /etc/chame/signing.key', 'a key that signs new backups'],
      ])}\n\nPrints the public key, which belongs in encryption.recipients of the configuration. Keep the secret key\nwhere the backups are not: without it nobody can read them. The public key of one that signs belongs in\nsigning.trusted, and the secret one where backups are made (signing.key), with nobody else.`,
    )
    .action((_action: string, options: KeysOptions, command: Command) =>
      inSession(command, session =>
        options.signing === true ? generateSigning(session, options) : generate(session, options),
      ),
    )
}

async function generate(session: Session, { output = DEFAULT_FILE }: KeysOptions): Promise<number> {
  const { generateKeys } = await import('../index.ts')
  const result = await generateKeys(output === STDOUT ? {} : { output })
  return session.show(result, keys =>
    session.options.quiet ? (keys.identity ?? keys.recipient).trimEnd() : describeKeys(keys, paintOut),
  )
}

async function generateSigning(
  session: Session,
  { output = DEFAULT_SIGNING_FILE }: KeysOptions,
): Promise<number> {
  const { generateSigningKey } = await import('../index.ts')
  const result = await generateSigningKey(output === STDOUT ? {} : { output })
  return session.show(result, made =>
    session.options.quiet ? (made.key ?? made.publicKey).trimEnd() : describeSigningKey(made, paintOut),
  )
}

function describeSigningKey({ publicKey, keyPath, key }: SigningKeyGenerated, paint: Paint): string {
  if (key !== null) return key.trimEnd()
  const path = keyPath ?? ''
  const signing = { key: { file: path }, trusted: [publicKey] }
  return [
    `${paint('green', '✔ Key made:')} ${safeText(path)}`,
    `  public key: ${publicKey}`,
    `  Here, to sign new backups:       "signing": ${safeText(JSON.stringify(signing))}`,
    `  Where backups are only restored: "signing": ${JSON.stringify({ trusted: [publicKey] })}`,
  ].join('\n')
}

function describeKeys({ recipient, identityPath, identity }: KeysGenerated, paint: Paint): string {
  if (identity !== null) return identity.trimEnd()
  return [
    `${paint('green', '✔ Key made:')} ${safeText(identityPath ?? '')}`,
    `  public key: ${recipient}`,
    '  Keep the file where the backups are not, and a copy of it: without it nobody can read them.',
  ].join('\n')
}
