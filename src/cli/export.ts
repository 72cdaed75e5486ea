import { type Command, InvalidArgumentError, Option } from 'commander'
import type {
  DataExported,
  ExportDataRequest,
  ExportFormat,
  Failure,
  RedactionWay,
  RunOptions,
} from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { describeExported } from './describe-export.ts'
import { given, identityOption, targetOption } from './options.ts'
import { paintError, paintOut, printFailure } from './output.ts'
import { refuseAlone } from './refuse-unused.ts'
import { renderNames, renderScan } from './render-scan.ts'
import { inSession, type Session } from './session.ts'

const FORMATS: readonly ExportFormat[] = ['json', 'ndjson', 'csv', 'sql', 'parquet']
const WAYS: readonly RedactionWay[] = ['omit', 'null', 'mask', 'hash', 'fixed', 'fake']

interface ExportOptions {
  readonly format?: ExportFormat
  readonly includeSensitive?: true
  readonly from?: string
  readonly identity?: string
  readonly target?: string
  readonly tables?: readonly string[]
  readonly exclude?: readonly string[]
  readonly where?: Readonly<Record<string, string>>
  readonly output?: string
  readonly force?: true
  readonly compress?: 'zstd' | 'gzip'
  readonly pretty?: true
  readonly zip?: true
  readonly delimiter?: string
  readonly null?: string
  readonly excelSafe?: true
  readonly redact?: Readonly<Record<string, RedactionWay>>
  readonly scan?: true
  readonly salvage?: true
}

/** What a scan, which writes nothing and looks at all tables, could not heed. */
const OF_WRITING: readonly Exclude<keyof ExportOptions, 'from' | 'identity' | 'target' | 'scan'>[] = [
  'format',
  'includeSensitive',
  'tables',
  'exclude',
  'where',
  'output',
  'force',
  'compress',
  'pretty',
  'zip',
  'delimiter',
  'null',
  'excelSafe',
  'redact',
  'salvage',
]

export function exportCommand(): Command {
  const command = defineCommand(
    'export',
    'Write a readable copy of the data, without passwords and the like in it.',
  )
    .addOption(new Option('--format <format>', 'how it is written (default: json)').choices(FORMATS))
    .option('--include-sensitive', 'with passwords, tokens and the like as they are')
    .option('--from <backup>', 'a stored backup instead of the live database')
    .addOption(identityOption())
    .addOption(targetOption())
    .option('--tables <names>', 'only these tables, separated by commas', parseNames)
    .option('--exclude <names>', 'all tables but these', parseNames)
    .option('--where <table=condition>', 'which rows of a table, in SQL; may be repeated', parseWhere)
    .option('--output <file>', 'where to write it; - for standard output (default: backups/exports)')
    .option('--force', 'replace what is there')
    .addOption(new Option('--compress <way>', 'compress it').choices(['zstd', 'gzip']))
    .option('--pretty', 'JSON for people to read')
    .option('--zip', 'the files of csv or parquet in one ZIP')
    .option('--delimiter <character>', 'between the values of csv (default: a comma)')
    .option('--null <text>', 'what stands for NULL in csv (default: nothing)')
    .option('--excel-safe', 'keep spreadsheets from taking text for a formula')
    .option(
      '--redact <table.column=way>',
      `what becomes of a column: ${WAYS.join(', ')}; may be repeated`,
      parseRedactions,
    )
    .addOption(
      new Option('--scan', 'only show which columns look sensitive, and why').conflicts([...OF_WRITING]),
    )
    .option('--salvage', 'what can be read of a damaged database; says what was lost')
    .addHelpText(
      'after',
      examples([
        ['export', 'one JSON document'],
        ['export --format csv --zip', 'a ZIP with a file for each table'],
        ['export --format sql --include-sensitive', 'a script for sqlite3, with everything in it'],
        ['export --format ndjson --output - | jq .row', 'to another program'],
        ['export --redact users.email=mask', 'a***@e***.com'],
        ['export --scan', 'what would be left out, and why'],
      ]),
    )
    .action((options: ExportOptions, called: Command) =>
      inSession(called, session =>
        options.scan === true ? scan(session, options) : write(session, options),
      ),
    )
  return refuseAlone(command, { identity: ['from'], target: ['from'], force: ['output'] })
}

async function write(session: Session, options: ExportOptions): Promise<number> {
  const request = requestOf(options)
  if (options.output === '-') return stream(session, request)
  const result = await session.run(run => session.database.exportData({ ...run, ...request }))
  const exit = session.show(result, exported =>
    session.options.quiet ? '' : describeExported(exported, paintOut),
  )
  return exitAfter(session, result, exit)
}

/** Standard output has the data itself; what there is to say goes where it does no harm. */
async function stream(session: Session, request: ExportDataRequest): Promise<number> {
  const call = (run: RunOptions): Promise<DataExported | Failure> =>
    session.database.exportData({ ...run, ...request })
  // A bar would be drawn into data that a terminal shows.
  const isShown = process.stdout.isTTY
  let isReaderGone = false
  process.stdout.once('error', (error: NodeJS.ErrnoException) => (isReaderGone = error.code === 'EPIPE'))
  const result = await (isShown ? call({ signal: session.cancellation.signal }) : session.run(call))
  // As everywhere else, whoever has read enough (`| head`) is no failure.
  if (isReaderGone) return 0
  const { json, quiet } = session.options
  if (json) process.stderr.write(`${JSON.stringify(result, null, 2)}\n`)
  else if (!result.success) printFailure(result, false)
  else if (!quiet && !isShown) process.stderr.write(`${describeExported(result, paintError)}\n`)
  return exitAfter(session, result, result.success ? 0 : session.exitOf(result.code))
}

/** What was lost of a damaged database is bad news, though everything that could be read is there. */
function exitAfter(session: Session, result: DataExported | Failure, exit: number): number {
  return result.success && result.lost.length > 0 ? session.exitOf('DATABASE_DAMAGED') : exit
}

async function scan(session: Session, { from, identity, target }: ExportOptions): Promise<number> {
  const result = await session.run(run =>
    session.database.scanSensitive({ ...run, ...given({ from, identity, target }) }),
  )
  return session.show(result, scanned =>
    session.options.quiet ? renderNames(scanned) : renderScan(scanned, paintOut),
  )
}

function requestOf(options: ExportOptions): ExportDataRequest {
  const { delimiter, null: none, excelSafe, scan: _, ...rest } = options
  const csv = given({ delimiter, null: none, excelSafe })
  return given({ ...rest, csv: Object.keys(csv).length === 0 ? undefined : csv })
}

function parseNames(text: string, before: readonly string[] = []): readonly string[] {
  const names = text.split(',').filter(name => name !== '')
  if (names.length === 0) throw new InvalidArgumentError('Expected names of tables, separated by commas.')
  return [...before, ...names]
}

type Conditions = Readonly<Record<string, string>>

function parseWhere(text: string, before: Conditions = {}): Conditions {
  const at = text.indexOf('=')
  if (at < 1 || at === text.length - 1)
    throw new InvalidArgumentError('Expected <table>=<condition>, such as "users=id > 100".')
  return added(before, text.slice(0, at), text.slice(at + 1))
}

type Redactions = Readonly<Record<string, RedactionWay>>

function parseRedactions(text: string, before: Redactions = {}): Redactions {
  const at = text.lastIndexOf('=')
  const way = WAYS.find(each => each === text.slice(at + 1))
  if (at < 1 || way === undefined)
    throw new InvalidArgumentError(`Expected <table>.<column>=<way>; ways: ${WAYS.join(', ')}.`)
  return added(before, text.slice(0, at), way)
}

/** Of two wishes for one thing neither may be lost without a word. */
function added<Value>(
  before: Readonly<Record<string, Value>>,
  key: string,
  value: Value,
): Readonly<Record<string, Value>> {
  if (Object.hasOwn(before, key)) throw new InvalidArgumentError(`There is one for ${key} already.`)
  return { ...before, [key]: value }
}
