/** Which operations are noted in the audit log, and what is noted of them. Reads nothing, and passes on no secret. */
import type { Failure } from '../errors.ts'

/** What is noted of one operation, beside when, by whom and how it ended. */
export interface AuditedAction {
  readonly action: string
  readonly on: string | null
  readonly parameters: Readonly<Record<string, unknown>>
}

type Request = Readonly<Record<string, unknown>>
type Result = { readonly success: true } | Failure

interface Rule {
  readonly action: string
  /** Whether it changes something or reads data out; default: always. */
  readonly isNoted?: (request: Request, result: Request) => boolean
  /** What it was done to; default: the backup that was asked for. */
  readonly on?: (request: Request, result: Request) => unknown
  /** Which parts of the request are noted as they are. */
  readonly keys: readonly string[]
  readonly more?: (request: Request, result: Request) => Record<string, unknown>
}

const hasTargets = (_: Request, { targets }: Request): boolean =>
  !Array.isArray(targets) || targets.length > 0
const isSensitive = ({ includeSensitive }: Request): boolean => includeSensitive === true

const RULES: Readonly<Record<string, Rule>> = {
  create: {
    action: 'create',
    on: (_, { filename }) => filename,
    keys: ['backupType', 'description', 'createdBy', 'check'],
  },
  add: {
    action: 'add',
    on: (request, { backup }) => (isObject(backup) ? backup['filename'] : request['from']),
    keys: ['backupType', 'description', 'createdBy', 'createdAt'],
  },
  restore: {
    action: 'restore',
    isNoted: ({ dryRun }) => dryRun !== true,
    keys: ['confirm', 'to', 'check', 'target', 'acceptUnsigned'],
  },
  verify: { action: 'verify', isNoted: ({ record }) => record === true, keys: ['check', 'target'] },
  drill: { action: 'drill', keys: ['scratchDir', 'target', 'acceptUnsigned'] },
  delete: { action: 'delete', keys: ['confirm', 'force', 'target'] },
  pin: { action: 'pin', keys: ['reason', 'by', 'target'] },
  unpin: { action: 'unpin', keys: ['target'] },
  cleanup: {
    action: 'cleanup',
    isNoted: ({ dryRun }) => dryRun !== true,
    on: () => null,
    keys: ['type', 'dailyKeep', 'weeklyKeep', 'maxDeletions', 'target'],
    more: (_, { deleted }) => (Array.isArray(deleted) ? { deleted: deleted.map(nameOf) } : {}),
  },
  export: {
    action: 'export',
    on: ({ from }) => from,
    keys: ['format', 'includeSensitive', 'tables', 'exclude', 'compress', 'salvage', 'redact', 'target'],
    more: ({ output, where }, { exportPath }) => ({
      output: exportPath ?? output,
      // The conditions themselves may quote what is in the rows.
      ...(isObject(where) ? { where: Object.keys(where) } : {}),
    }),
  },
  convert: {
    action: 'convert',
    on: () => null,
    keys: ['encoding', 'acceptUnsigned'],
    more: (_, { converted }) => (Array.isArray(converted) ? { converted: converted.map(nameOf) } : {}),
  },
  sync: {
    action: 'sync',
    // Each scheduled backup asks for one, with targets or without.
    isNoted: hasTargets,
    on: () => null,
    keys: ['target'],
  },
  verifyCopies: {
    action: 'verify-copies',
    isNoted: hasTargets,
    on: () => null,
    keys: ['target', 'within', 'sample', 'time'],
    more: (_, { status }) => ({ status }),
  },
  repair: {
    action: 'repair',
    on: () => null,
    keys: ['backups', 'target'],
    more: (_, { backups }) =>
      Array.isArray(backups)
        ? {
            repaired: backups
              .filter(each => isObject(each) && each['status'] === 'repaired')
              .map(each => (each as Request)['filename']),
          }
        : {},
  },
  import: { action: 'import', on: ({ to }) => to, keys: ['from', 'format'] },
  rows: {
    action: 'look',
    isNoted: isSensitive,
    keys: ['table', 'limit', 'offset', 'orderBy', 'includeSensitive', 'target'],
  },
  query: {
    action: 'query',
    isNoted: isSensitive,
    keys: ['limit', 'includeSensitive', 'target'],
    more: ({ sql }) => (typeof sql === 'string' ? { sql: withoutLiterals(sql) } : {}),
  },
  compare: {
    action: 'compare',
    isNoted: isSensitive,
    keys: ['with', 'table', 'limit', 'offset', 'includeSensitive', 'target'],
  },
}

/** What is noted of an operation; null for one that changes nothing and reads no data out. */
export function auditedAction(name: string, request: object, result: Result): AuditedAction | null {
  const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined
  const asked = request as Request
  const answered = result as unknown as Request
  if (rule === undefined || rule.isNoted?.(asked, answered) === false) return null
  const on = rule.on === undefined ? (nameOf(answered) ?? asked['backup']) : rule.on(asked, answered)
  const parameters = Object.fromEntries(rule.keys.map(key => [key, asked[key]]))
  return {
    action: rule.action,
    on: typeof on === 'string' ? cut(on) : null,
    parameters: bounded({ ...parameters, ...rule.more?.(asked, answered) }),
  }
}

/** The file name of the backup that something is about. */
function nameOf(value: unknown): string | null {
  if (!isObject(value) || !isObject(value['backup'])) return null
  const { filename } = value['backup']
  return typeof filename === 'string' ? filename : null
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}

/** A statement with a question mark for everything that may be a value. */
function withoutLiterals(sql: string): string {
  return sql.replaceAll(/[xX]?'(?:[^']|'')*(?:'|$)|\b\d[\w.]*/g, '?')
}

/** Longer texts tell no more. */
const TEXT_MAX = 500
const ITEMS_MAX = 50

/** What a request may hold is of any size, and a line of the log is not. What was not given is left out. */
export function bounded(parameters: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const entries = Object.entries(parameters).filter(([, value]) => value !== undefined)
  return Object.fromEntries(
    entries.slice(0, ITEMS_MAX).map(([key, value]) => [cut(key), boundedValue(value)]),
  )
}

function boundedValue(value: unknown): unknown {
  if (!isObject(value)) return boundedScalar(value)
  // One level down is enough for everything that is asked for.
  if (!Array.isArray(value)) {
    const entries = Object.entries(value).slice(0, ITEMS_MAX)
    return Object.fromEntries(entries.map(([key, item]) => [cut(key), boundedScalar(item)]))
  }
  const items = value.slice(0, ITEMS_MAX).map(boundedScalar)
  return value.length > ITEMS_MAX ? [...items, `… ${value.length - ITEMS_MAX} more`] : items
}

function boundedScalar(value: unknown): string | number | boolean | null {
  if (typeof value === 'string') return cut(value)
  return typeof value === 'number' || typeof value === 'boolean' || value === null ? value : '…'
}

function cut(text: string): string {
  return text.length <= TEXT_MAX ? text.toWellFormed() : `${text.slice(0, TEXT_MAX).toWellFormed()}…`
}
