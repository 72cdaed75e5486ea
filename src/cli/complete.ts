import type { Argument, Command, Option } from 'commander'
import type { BackupInfo, DatabaseOptions } from '../index.ts'
import { describeBackup } from './describe-backup.ts'
import { given } from './options.ts'
import { safeText } from './text.ts'

interface Candidate {
  readonly value: string
  readonly description: string
}

/** What is typed so far, read with the program's own tree. */
interface Typed {
  readonly command: Command
  /** The word under the cursor; for `--option=value` only the value. */
  readonly current: string
  /** What stands before it in the same word for the shell to keep: `--option=`. */
  readonly prefix: string
  /** The option whose value is being typed. */
  readonly option: Option | undefined
  /** How many arguments of the command stand before it. */
  readonly argumentCount: number
  readonly options: ReadonlyMap<string, string | true>
}

/** Types that exist without a configuration; those of existing backups are offered too. */
const BUILT_IN_TYPES = ['manual', 'daily', 'weekly', 'pre_restore']

/**
 * Answers a shell's completion script: `<shell> -- <words after the program, the last being typed>`.
 * One candidate a line, a tab and a description after it; `:files` or `:directories` in place of
 * them where paths belong.
 */
export async function completeWords(program: Command, call: readonly string[]): Promise<void> {
  const [shell = '', , ...words] = call
  const typed = readWords(program, shell === 'bash' ? joinAssignments(words) : words)
  // Bash sees the words on either side of "=" as separate ones and wants the last alone.
  const prefix = shell === 'bash' ? '' : typed.prefix
  const { candidates, paths } = await findCandidates(program, typed)
  const fitting = candidates.filter(candidate => candidate.value.startsWith(typed.current))
  const lines = fitting.map(({ value, description }) => `${prefix}${value}\t${safeText(description)}`)
  if (lines.length === 0 && paths !== null) lines.push(`:${paths}`)
  process.stdout.write(lines.map(line => `${line}\n`).join(''))
}

/** Puts `--option = value` back together. */
function joinAssignments(words: readonly string[]): string[] {
  const joined: string[] = []
  for (const word of words) {
    const last = joined.at(-1)
    const continues = last !== undefined && (word === '=' ? /^--[^=]+$/.test(last) : /^--[^=]+=$/.test(last))
    if (continues) joined[joined.length - 1] = last + word
    else joined.push(word)
  }
  return joined
}

function readWords(program: Command, words: readonly string[]): Typed {
  let command = program
  let argumentCount = 0
  let waiting: Option | undefined
  const options = new Map<string, string | true>()
  for (const word of words.slice(0, -1)) {
    const [flag, value] = splitAssignment(word)
    const option = word.startsWith('-') ? findOption(command, flag) : undefined
    const subcommand = command.commands.find(each => each.name() === word)
    if (waiting !== undefined) {
      options.set(waiting.attributeName(), word)
      waiting = undefined
    } else if (option !== undefined) {
      options.set(option.attributeName(), value ?? true)
      if (option.required && value === undefined) waiting = option
    } else if (subcommand !== undefined) command = subcommand
    else if (!word.startsWith('-')) argumentCount += 1
  }
  const current = words.at(-1) ?? ''
  const [flag, value] = splitAssignment(current)
  const assigned = value === undefined ? undefined : findOption(command, flag)
  if (waiting === undefined && value !== undefined && assigned !== undefined) {
    return { command, current: value, prefix: `${flag}=`, option: assigned, argumentCount, options }
  }
  return { command, current, prefix: '', option: waiting, argumentCount, options }
}

function splitAssignment(word: string): [string, string?] {
  const at = word.startsWith('--') ? word.indexOf('=') : -1
  return at === -1 ? [word] : [word.slice(0, at), word.slice(at + 1)]
}

function allOptions(command: Command): Option[] {
  const help = command.createHelp()
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
}

function findOption(command: Command, flag: string): Option | undefined {
  return allOptions(command).find(option => option.long === flag || option.short === flag)
}

interface Candidates {
  readonly candidates: readonly Candidate[]
  /** What to offer where no candidate fits. */
  readonly paths: 'files' | 'directories' | null
}

async function findCandidates(program: Command, typed: Typed): Promise<Candidates> {
  const { command, option, current, options, argumentCount } = typed
  if (option !== undefined) return valuesOf(option, options)
  if (current.startsWith('-')) {
    const unused = allOptions(command).filter(each => !options.has(each.attributeName()))
    return only(unused.map(each => ({ value: each.long ?? '', description: each.description })))
  }
  if (command === program) {
    const commands = program.createHelp().visibleCommands(program)
    return only(commands.map(each => ({ value: each.name(), description: each.description() })))
  }
  const argument = command.registeredArguments[argumentCount]
  return argument === undefined ? only([]) : valuesOf(argument, options)
}

/** What may stand for `<name>`: its choices, or what its name says that it is. */
async function valuesOf(place: Option | Argument, options: Typed['options']): Promise<Candidates> {
  if (place.argChoices !== undefined) {
    return only(place.argChoices.map(value => ({ value, description: '' })))
  }
  const name = 'flags' in place ? /[<[]([^>\]]+)[>\]]/.exec(place.flags)?.[1] : place.name()
  switch (name) {
    case 'backup': {
      const backups = await listBackups(options)
      const now = new Date()
      const named = backups.map(backup => ({
        value: backup.filename,
        description: describeBackup(backup, now),
      }))
      return { candidates: [{ value: 'latest', description: 'the newest backup' }, ...named], paths: 'files' }
    }
    case 'type': {
      const types = new Set([...BUILT_IN_TYPES, ...(await listBackups(options)).map(backup => backup.type)])
      return only([...types].map(value => ({ value, description: '' })))
    }
    case 'file':
      return { candidates: [], paths: 'files' }
    case 'dir':
      return { candidates: [], paths: 'directories' }
    default:
      return only([])
  }
}

function only(candidates: readonly Candidate[]): Candidates {
  return { candidates, paths: null }
}

/** The backups that the words typed so far mean; none where they cannot be listed, for a shell shows no errors. */
async function listBackups(options: Typed['options']): Promise<readonly BackupInfo[]> {
  const text = (name: string): string | undefined => {
    const value = options.get(name)
    return typeof value === 'string' ? value : undefined
  }
  const place: DatabaseOptions = given({
    path: text('path'),
    backupDir: text('backupDir'),
    database: text('database'),
    config: text('config'),
  })
  const { Database } = await import('../index.ts')
  return await new Database({ ...place, engine: 'here' }).listBackups().catch(() => [])
}
