/** Says of a column whether it is sensitive, why, and how sure that is. Reads nothing. */
import { type Confidence, judgeName, type NameFinding, splitWords } from './names.ts'
import { judgeValues, textOf } from './values.ts'
import { SECRET_TABLE_COLUMNS, SECRET_TABLE_WORDS, SETTING_KEY_NAMES, SETTING_VALUE_NAMES } from './words.ts'

export interface SensitiveFinding {
  readonly table: string
  readonly column: string
  /** A sentence for people. Never has a value of the column in it. */
  readonly why: string
  readonly confidence: Confidence
  readonly by: 'name' | 'content'
}

export interface SampledColumn {
  readonly column: string
  /** As the schema declares it; empty where it does not. */
  readonly declaredType: string
  /** Non-null values, integers as bigint. */
  readonly values: readonly unknown[]
}

export interface SensitiveRules {
  /** Words of the caller's own that make a name sensitive; each may be several words, in any notation. */
  readonly words: readonly string[]
}

/**
 * Judges one column by its name, and by its content where the name says nothing.
 * A name whose secrets are text does not count where all values are whole numbers, times or flags: a column
 * `tokens INTEGER` counts something.
 */
export function judgeColumn(
  { table, column, declaredType, values }: SampledColumn & { readonly table: string },
  rules: SensitiveRules,
): SensitiveFinding | null {
  const name = judgeName(column, rules.words)
  if (name !== null && canHold(name, declaredType, values))
    return {
      table,
      column,
      why: `Its name says "${name.word}".`,
      confidence: name.confidence,
      by: 'name',
    }
  const content = judgeValues(values)
  if (content !== null)
    return {
      table,
      column,
      why: `${content.hits} of ${content.looked} sampled values show ${content.what}.`,
      confidence: content.confidence,
      by: 'content',
    }
  return byTable(table, column, { declaredType, values })
}

/**
 * Judges all columns of a table. More than one by one it sees that a table holds settings, one a row, and
 * that some setting is a secret: then the column with their values is sensitive.
 */
export function judgeTable(
  table: string,
  columns: readonly SampledColumn[],
  rules: SensitiveRules,
): SensitiveFinding[] {
  const secret = namedSetting(columns, rules)
  return columns.flatMap((sampled): SensitiveFinding[] => {
    const found = judgeColumn({ table, ...sampled }, rules)
    if (found !== null) return [found]
    const { column } = sampled
    if (secret === null || column === secret.column || !SETTING_VALUE_NAMES.has(wordsOf(column))) return []
    const why = `Column ${secret.column} names settings such as "${secret.word}", whose values it holds.`
    return [{ table, column, why, confidence: 'likely', by: 'content' }]
  })
}

/** The caller's own words hold for any column. */
function canHold(finding: NameFinding, declaredType: string, values: readonly unknown[]): boolean {
  if (finding.isOwn) return true
  const hasText = values.some(value => isText(value) || value instanceof Uint8Array)
  if (/bool|date|time/i.test(declaredType) && !hasText) return false
  if (values.length > 0 && values.every(isFlag)) return false
  if (finding.isNumeric || hasText) return true
  return values.length === 0 && !/int|real|floa|doub|dec|num/i.test(declaredType)
}

function byTable(
  table: string,
  column: string,
  { declaredType, values }: Omit<SampledColumn, 'column'>,
): SensitiveFinding | null {
  const word = splitWords(table).at(-1) ?? ''
  if (!SECRET_TABLE_WORDS.has(word) || !SECRET_TABLE_COLUMNS.has(wordsOf(column))) return null
  if (/int|bool|date|time/i.test(declaredType) && !values.some(isText)) return null
  if (!values.some(value => isText(value) || value instanceof Uint8Array)) return null
  return { table, column, why: `Its table is one of ${word}.`, confidence: 'likely', by: 'name' }
}

function namedSetting(
  columns: readonly SampledColumn[],
  rules: SensitiveRules,
): { readonly column: string; readonly word: string } | null {
  for (const { column, values } of columns) {
    if (!SETTING_KEY_NAMES.has(wordsOf(column))) continue
    for (const value of values) {
      const text = textOf(value)
      const name = text === null || text.length > 100 ? null : judgeName(text, rules.words)
      if (name?.confidence === 'certain') return { column, word: name.word }
    }
  }
  return null
}

function wordsOf(name: string): string {
  return splitWords(name).join(' ')
}

/** Digits in a text column may be a PIN or a code, not a count. */
function isText(value: unknown): boolean {
  return typeof value === 'string' && value !== ''
}

function isFlag(value: unknown): boolean {
  return value === 0n || value === 1n || value === 0 || value === 1
}
