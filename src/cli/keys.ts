import { Argument, type Command } from 'commander'
import type { KeysGenerated, SigningKeyGenerated } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { checkKeys, printSheet } from './keys-check.ts'
import { given, targetOption } from './options.ts'
import { type Paint, paintOut } from './output.ts'
import { refuseOfOthers } from './refuse-unused.ts'
import { inSession, type Session } from './session.ts'
import { safeText } from './text.ts'

interface KeysOptions {
  readonly output?: string
  readonly signing?: true
  readonly identity?: string
  readonly passphraseFile?: string
  readonly target?: string
}

const ACTIONS = ['generate', 'check', 'sheet'] as const
type Action = (typeof ACTIONS)[number]

/** Which options an action takes. */
const TAKES: Readonly<Record<Action, readonly (keyof KeysOptions)[]>> = {
  generate: ['output', 'signing'],
  check: ['identity', 'passphraseFile', 'target'],
  sheet: ['output', 'identity', 'passphraseFile'],
}

/** Where the secret key goes when nobody says where: never to the screen. */
const DEFAULT_FILE = 'chame-backup.key'
const DEFAULT_SIGNING_FILE = 'chame-backup.signing.key'
const STDOUT = '-'

export function keysCommand(): Command {
  const command = defineCommand(
    'keys',
    'Make keys, prove that they open the backups, print a recovery sheet.',
  )
    .addArgument(new Argument('<action>', 'what to do').choices(ACTIONS))
    .option(
      '--output <file>',
      `of generate: where the secret key is written; - for standard output (default: ${DEFAULT_FILE}, or ${DEFAULT_SIGNING_FILE}); of sheet: where the page is written (default: standard output)`,
    )
    .option('--signing', 'of generate: a key to sign with')
    .option(
      '--identity <file>',
      'of check: try this key, and no other (default: those of the configuration); of sheet: print it on the page',
    )
    .option('--passphrase-file <file>', 'the same with a passphrase, alone in a file')
    .addOption(targetOption())
    .addHelpText(
      'after',
      `${examples([
        ['keys generate', `a new key, its secret half in ${DEFAULT_FILE}`],
        ['keys generate --output /media/usb/key.txt', 'on a medium that is kept elsewhere'],
        ['keys check --identity /media/usb/key.txt', 'does it open the backups that are there?'],
        ['keys check --identity key.txt --target s3', 'those at a target'],
        ['keys sheet --output recovery.txt', 'a page to print: how to restore when this machine is gone'],
        ['keys generate --signing --output /etc/chame/signing.key', 'a key that signs new backups'],
      ])}\n\ngenerate prints the public key, which belongs in encryption.recipients of the configuration. Keep the\nsecret key where the backups are not: without it nobody can read them. The public key of one that signs\nbelongs in signing.trusted, and the secret one where backups are made (signing.key), with nobody else.\n\ncheck tries each key on each encrypted backup, and decrypts the newest to its end. Exits with 12 when none\nopens it, and with 3 when it is damaged, or when other backups do not open.`,
    )
    .action((action: Action, options: KeysOptions, called: Command) =>
      inSession(called, session => act(session, action, options)),
    )
  return refuseOfOthers(command, TAKES)
}

async function act(session: Session, action: Action, options: KeysOptions): Promise<number> {
  const { output, signing, ...named } = options
  if (action === 'check') return await checkKeys(session, named)
  if (action === 'sheet') {
    const { target: _, ...keys } = named
    return await printSheet(session, { ...keys, ...(output === STDOUT ? {} : given({ output })) })
  }
  return signing === true ? await generateSigning(session, options) : await generate(session, options)
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
  const path = safeText(identityPath ?? '')
  return [
    `${paint('green', '✔ Key made, and tried:')} ${path}`,
    `  public key: ${recipient}`,
    '  Keep the file where the backups are not, and a copy of it: without it nobody can read them.',
    `  In the configuration: "encoding": "zstd+age", "encryption": ${JSON.stringify({ recipients: [recipient] })}`,
    '  Better name two, each with an identity of its own, so that one can be lost.',
    `  After the first backup: chame-backup keys check --identity ${path}`,
    '  A page to keep with it: chame-backup keys sheet',
  ].join('\n')
}
