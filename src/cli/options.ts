import { type Command, InvalidArgumentError, Option } from 'commander'
import type { CheckLevel, Encoding } from '../index.ts'

/** The options of every command; each may stand before or after the command's name. */
export interface GlobalOptions {
  readonly json?: true
  readonly quiet?: true
  readonly config?: string
  readonly database?: string
  readonly path?: string
  readonly backupDir?: string
}

const CHECK_LEVELS: readonly CheckLevel[] = ['full', 'quick', 'none']

/** What stands in place of a backup, in every command that takes one. */
export const BACKUP_ARGUMENT = 'its path, its file name, or "latest"'

/** The value names (`<file>`, `<dir>`, `<type>`) decide what shell completion offers: see complete.ts. */
export function addGlobalOptions(program: Command): Command {
  return program
    .option('--path <file>', 'the SQLite file to protect (default: data/chame.db)')
    .option('--backup-dir <dir>', 'where its backups are stored (default: backups)')
    .option('--database <name>', 'which of the databases in the configuration')
    .option('--config <file>', 'the configuration file (default: chame-backup.config.{ts,js,json})')
    .option('--json', 'print one JSON document on stdout, for failures too')
    .option('--quiet', 'print nothing but errors, and what was asked for')
}

export function checkOption(description: string): Option {
  return new Option('--check <level>', description).choices(CHECK_LEVELS)
}

export function targetOption(): Option {
  return new Option('--target <name>', 'at this target of the configuration, not in the backup directory')
}

const ENCODINGS: readonly Encoding[] = ['plain', 'zstd', 'zstd+age', 'blocks']

export function encodingOption(description: string): Option {
  return new Option('--encoding <encoding>', description).choices(ENCODINGS)
}

/** Of every command that reads stored backups. */
export function identityOption(): Option {
  return new Option(
    '--identity <file>',
    'the key that opens an encrypted backup (default: the configuration)',
  )
}

/** Of every command that relies on what a backup says that it is. */
export function acceptUnsignedOption(): Option {
  return new Option(
    '--accept-unsigned',
    'take a backup that is not signed, though the configuration trusts keys',
  )
}

/** A whole number of at least 1. */
export function parseCount(text: string): number {
  const count = Number(text)
  if (/^\d+$/.test(text) && count >= 1 && Number.isSafeInteger(count)) return count
  throw new InvalidArgumentError('Expected a whole number of at least 1.')
}

type Defined<T> = { -readonly [Key in keyof T]?: Exclude<T[Key], undefined> }

/** `values` without the ones that were not given. */
export function given<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>
}
