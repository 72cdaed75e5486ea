/** Makes of a decided step the SQL that carries it out, and the function that it calls. */
import type { Faker } from '@faker-js/faker'
import { fakeValue } from '../export/redact/fake.ts'
import type { RedactionFunction } from '../export/redact/plan.ts'
import {
  hashShapedValue,
  hashValue,
  maskUniqueValue,
  maskValue,
  type SqliteValue,
} from '../export/redact/values.ts'
import type { RedactionStep } from '../export/redact/ways.ts'
import type { Tie } from './redact-wanted.ts'
import { quoteName } from './sql.ts'

export interface RedactionTools {
  readonly key: Uint8Array
  /** Null where nothing is faked. */
  readonly faker: Faker | null
}

export interface ColumnExpression {
  readonly expression: string | null
  readonly function: RedactionFunction | null
}

export function expressionFor(
  step: RedactionStep,
  column: { readonly name: string; readonly functionName: string; readonly tie: Tie | null },
  tools: RedactionTools,
): ColumnExpression {
  const name = quoteName(column.name)
  if (step.how === 'omit') return { expression: null, function: null }
  if (step.how === 'null') return { expression: 'NULL', function: null }
  if (step.how === 'fixed') return { expression: fixedExpression(name, step.text), function: null }
  const redact = withTie(redactorOf(step, tools), column.tie)
  return {
    expression: `${column.functionName}(${name})`,
    function: { name: column.functionName, redact },
  }
}

/** The same values as fixedValue() gives, without a call for each row. */
function fixedExpression(name: string, text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`
  return `CASE typeof(${name}) WHEN 'text' THEN ${quoted} WHEN 'integer' THEN 0 WHEN 'real' THEN 0.5 WHEN 'blob' THEN CAST(${quoted} AS BLOB) END`
}

type Redact = (value: SqliteValue) => SqliteValue
type CalledStep = Extract<RedactionStep, { readonly how: 'mask' | 'hash' | 'fake' }>

function redactorOf(step: CalledStep, { key, faker }: RedactionTools): Redact {
  if (step.how === 'hash')
    return step.isShaped ? value => hashShapedValue(value, key) : value => hashValue(value, key)
  if (step.how === 'mask') return step.isUnique ? value => maskUniqueValue(value, key) : maskValue
  if (faker === null) throw new Error('Values cannot be made up without their library')
  const { kind, isUnique } = step
  return value => fakeValue(value, { kind, key, faker, isUnique })
}

/** What a foreign key takes for equal becomes equal: 'A' and 'a' under NOCASE, 5 and '5' between types. */
function withTie(redact: Redact, tie: Tie | null): Redact {
  if (tie === null) return redact
  return value => {
    if (typeof value !== 'string') return redact(value)
    if (tie.isMixed && /^-?(?:0|[1-9]\d{0,17})$/.test(value)) return String(redact(BigInt(value)))
    if (tie.collation === 'NOCASE') return redact(value.replaceAll(/[A-Z]/g, letter => letter.toLowerCase()))
    return redact(tie.collation === 'RTRIM' ? value.replace(/ +$/, '') : value)
  }
}
