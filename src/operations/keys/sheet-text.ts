/** The page itself. Pure: what is secret is on it only where it was handed in. */
import type { Encoding } from '../../catalog/encodings.ts'

export interface SheetFacts {
  /** The day, as it is to be printed. */
  readonly madeOn: string
  readonly host: string
  /** Of this software. */
  readonly version: string
  readonly databases: readonly SheetDatabase[]
  readonly targets: readonly {
    readonly name: string
    readonly kind: string
    readonly place: string
    readonly appendOnly: boolean
  }[]
  /** Where secrets of the configuration are: what each is, and its place. */
  readonly secrets: readonly SheetSecret[]
  /** A configuration that restores on a bare machine, without secrets. */
  readonly configuration: object
  readonly included: { readonly identities: readonly string[]; readonly passphrase: string | null }
}

export interface SheetDatabase {
  readonly name: string
  readonly path: string
  readonly backupDir: string
  readonly keepsLocal: boolean
  readonly encoding: Encoding
  readonly isEncrypted: boolean
  readonly recipients: readonly string[]
  /** Where the passphrase is here; null where there is none. */
  readonly passphrase: string | null
}

export interface SheetSecret {
  /** "targets.s3.secretAccessKey" */
  readonly what: string
  /** "the environment variable CHAME_S3_SECRET" */
  readonly where: string
}

/** Of a page that holds so many the rest goes by the same pattern. */
const COMMANDS_MAX = 20
const BLANK = '_'.repeat(30)
const KEY_FILE = 'key.txt'

export function renderSheet(facts: SheetFacts): string {
  const sections = [
    head(facts),
    places(facts),
    readers(facts),
    bareMachine(facts),
    byHand(facts),
    proof(facts),
  ]
  return `${sections.map(lines => lines.join('\n')).join('\n\n')}\n`
}

function head({ databases, madeOn, host, version, included }: SheetFacts): string[] {
  const isSecret = included.identities.length > 0 || included.passphrase !== null
  return [
    `RECOVERY SHEET: backups of ${databases.map(({ name }) => name).join(', ')}`,
    `Made on ${madeOn} on ${host}, by chame-backup ${version}.`,
    '',
    'Print it, and keep it where this machine is not. Make a new one whenever keys,',
    'targets or places have changed.',
    isSecret
      ? 'THE KEY IS ON THIS PAGE: whoever reads it can read every backup.'
      : 'Nothing on it is secret: a key is needed as well, see 2.',
  ]
}

function places({ databases, targets, host }: SheetFacts): string[] {
  return [
    '1. WHERE THE BACKUPS ARE',
    ...databases.flatMap(({ name, path, backupDir, keepsLocal, encoding, isEncrypted }) => [
      `   Database ${name}, ${path}`,
      keepsLocal
        ? `     backups in ${backupDir} on ${host}`
        : `     no backups on ${host}: at the targets alone`,
      `     stored as ${encoding}, ${isEncrypted ? 'encrypted' : 'NOT encrypted'}`,
    ]),
    ...targets.map(
      ({ name, kind, place, appendOnly }) =>
        `   Target ${name}: ${kind}, ${place}${appendOnly ? ' (append-only)' : ''}`,
    ),
    ...(targets.length === 0
      ? [`   There is no target: what happens to ${host} happens to the backups.`]
      : []),
  ]
}

function readers(facts: SheetFacts): string[] {
  const { databases, included } = facts
  const encrypted = databases.filter(({ isEncrypted }) => isEncrypted)
  if (encrypted.length === 0) return ['2. WHO CAN READ THEM', '   Everybody: new backups are not encrypted.']
  const isShared = encrypted.length === databases.length
  const groups = Map.groupBy(encrypted, ({ recipients, passphrase }) =>
    JSON.stringify([recipients, passphrase]),
  )
  return [
    '2. WHO CAN READ THEM',
    ...[...groups.values()].flatMap(group => {
      const [{ recipients, passphrase } = { recipients: [], passphrase: null }] = group
      const isAll = isShared && groups.size === 1
      return [
        ...(isAll ? [] : [`   Backups of ${group.map(({ name }) => name).join(', ')}:`]),
        ...(passphrase === null
          ? recipients.flatMap(recipient => [
              `   Whoever has the identity (secret key) of ${recipient}`,
              `     kept at: ${BLANK}  and at: ${BLANK}`,
            ])
          : [
              `   Whoever has the passphrase; on this machine it is in ${passphrase}`,
              `     kept at: ${BLANK}  and at: ${BLANK}`,
            ]),
      ]
    }),
    '   Old backups open with the keys that were named when they were made.',
    '   Without such a key nobody can read them, the makers of this software included.',
    ...included.identities.map(identity => `   KEY: ${identity}`),
    ...(included.passphrase === null ? [] : [`   PASSPHRASE: ${included.passphrase}`]),
  ]
}

function bareMachine(facts: SheetFacts): string[] {
  const { databases, targets, secrets, configuration, version } = facts
  const [first, ...others] = targets
  const isSealed = databases.some(({ passphrase, isEncrypted }) => isEncrypted && passphrase === null)
  const commands = databases.slice(0, COMMANDS_MAX).map(database => restoreCommand(database, first?.name))
  const rest = databases.length - commands.length
  const steps: readonly (readonly string[])[] = [
    ['Install Node 24 or newer. In an empty directory:', `     npm install chame-backup@${version}`],
    [
      'Save this there as chame-backup.config.json:',
      ...indent(JSON.stringify(configuration, null, 2)),
      ...(others.length === 0 ? [] : [`Should ${first?.name} be gone, name another target below.`]),
    ],
    ...(first === undefined ? [['Bring a copy of the backup directory there, as ./backups.']] : []),
    ...(secrets.length === 0
      ? []
      : [
          [
            'Bring these secrets, which are not on this page:',
            ...secrets.flatMap(({ what, where }) => [`     ${what}: ${where}`, `       kept at: ${BLANK}`]),
          ],
        ]),
    ...(isSealed ? [[`Put the identity (AGE-SECRET-KEY-1...) into ${KEY_FILE}.`]] : []),
    [
      'Restore. Nothing is overwritten: the database is a new file.',
      ...commands.map(command => `     ${command}`),
      ...(rest > 0 ? [`and so for ${rest} more, by their names.`] : []),
    ],
  ]
  return [
    '3. RESTORING ON A BARE MACHINE',
    ...steps.flatMap(([title = '', ...lines], index) => [
      `   ${'abcdef'.charAt(index)}. ${title}`,
      ...lines.map(line => `      ${line}`),
    ]),
  ]
}

function restoreCommand(database: SheetDatabase, target: string | undefined): string {
  const { name, isEncrypted, passphrase } = database
  return [
    `npx chame-backup restore latest --database ${name}`,
    ...(target === undefined ? [] : [`--target ${target}`]),
    ...(isEncrypted && passphrase === null ? [`--identity ${KEY_FILE}`] : []),
    `--to ${name}-restored.db`,
  ].join(' ')
}

/** What restores a file without this software: docs/formats.md. */
const TOOLS: Readonly<Record<Encoding, (database: SheetDatabase) => string>> = {
  plain: () => 'The file NAME.db is the database.',
  zstd: () => 'zstd -d NAME.db.zst -o restored.db',
  'zstd+age': ({ passphrase }) =>
    `age -d ${passphrase === null ? `-i ${KEY_FILE} ` : ''}NAME.db.zst.age | zstd -d > restored.db`,
  blocks: ({ isEncrypted }) =>
    `node recover.mjs TYPE/NAME.db.blocks blocks restored.db${isEncrypted ? ` ${KEY_FILE}` : ''}`,
}

function byHand({ databases }: SheetFacts): string[] {
  const commands = new Set(databases.map(database => TOOLS[database.encoding](database)))
  const isOfPages = databases.some(({ encoding }) => encoding === 'blocks')
  return [
    '4. WITHOUT THIS SOFTWARE',
    '   Everything lies in directories daily, weekly, manual; SHA-256 in metadata.',
    ...[...commands].map(command => `        ${command}`),
    ...(isOfPages ? ['   recover.mjs is in the package: keep a copy of it with this page.'] : []),
  ]
}

function proof({ databases, targets }: SheetFacts): string[] {
  const [first] = databases
  const at = targets[0] === undefined ? '' : ` --target ${targets[0].name}`
  const of = databases.length === 1 ? '' : ` --database ${first?.name ?? ''}`
  const isEncrypted = databases.some(database => database.isEncrypted)
  const isByPassphrase = databases.some(({ passphrase }) => passphrase !== null)
  const key = isByPassphrase ? '--passphrase-file FILE' : `--identity ${KEY_FILE}`
  return [
    '5. PROVE IT, EACH YEAR AND AFTER EACH CHANGE',
    ...(isEncrypted ? [`        npx chame-backup keys check${of}${at} ${key}`] : []),
    `        npx chame-backup drill${of}${at}${isEncrypted && !isByPassphrase ? ` --identity ${KEY_FILE}` : ''}`,
    `   Tried on: ${BLANK}  by: ${BLANK}`,
    `   Tried on: ${BLANK}  by: ${BLANK}`,
  ]
}

function indent(text: string): string[] {
  return text.split('\n').map(line => `  ${line}`)
}
