import { type ReactElement, useState } from 'react'
import type { RetentionPolicy, RetentionRules } from '../../api/types.ts'
import { Button } from '../../parts/button.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Panel } from '../../parts/panel.tsx'
import { DEFAULT_TYPES, fieldText, RULES, withoutType, withRule } from './rules.ts'

const KNOWN_TYPES = ['daily', 'weekly', 'manual', 'pre_restore']

/** The rules of each type. */
export function PolicyEditor({
  policy,
  types,
  problemOf,
  onChange,
}: {
  readonly policy: RetentionPolicy
  /** Types that there are backups of. */
  readonly types: readonly string[]
  /** What is wrong with a rule; null for nothing. */
  readonly problemOf: (type: string, rule: keyof RetentionRules) => string | null
  readonly onChange: (policy: RetentionPolicy) => void
}): ReactElement {
  const unnamed = [...new Set([...KNOWN_TYPES, ...types])].filter(type => !Object.hasOwn(policy, type))
  return (
    <Panel title="Policy" flush>
      <div className="divide-y divide-line">
        {Object.entries(policy).map(([type, rules]) => (
          <TypeRules
            key={type}
            type={type}
            rules={rules}
            problemOf={rule => problemOf(type, rule)}
            onRule={(rule, text) => onChange(withRule(policy, { type, rule }, text))}
            onRemove={() => onChange(withoutType(policy, type))}
          />
        ))}
        <Meanings />
        {unnamed.length > 0 && (
          <AddType types={unnamed} onAdd={type => onChange({ ...policy, [type]: { keepLast: 10 } })} />
        )}
      </div>
    </Panel>
  )
}

function TypeRules({
  type,
  rules,
  problemOf,
  onRule,
  onRemove,
}: {
  readonly type: string
  readonly rules: RetentionRules
  readonly problemOf: (rule: keyof RetentionRules) => string | null
  readonly onRule: (rule: keyof RetentionRules, text: string) => void
  readonly onRemove: () => void
}): ReactElement {
  return (
    <fieldset className="p-4">
      <legend className="sr-only">Backups of type {type}</legend>
      <div className="mb-2 flex min-h-9 items-center justify-between gap-3">
        <p className="font-semibold">{type}</p>
        {!DEFAULT_TYPES.includes(type) && (
          <Button look="quiet" onClick={onRemove} aria-label={`Remove the rules for ${type}`}>
            Remove
          </Button>
        )}
      </div>
      <div className="grid grid-cols-2 gap-2 sm:grid-cols-5 xl:grid-cols-10">
        {RULES.map(({ rule, label, kind }) => (
          <TextField
            key={rule}
            label={
              <>
                {label}
                <span className="sr-only"> of {type}</span>
              </>
            }
            value={fieldText(rules, rule)}
            problem={problemOf(rule)}
            placeholder="–"
            onChange={event => onRule(rule, event.target.value.trim())}
            {...(kind === 'count'
              ? { type: 'number', min: 0, max: 100_000, inputMode: 'numeric' as const }
              : {})}
          />
        ))}
      </div>
    </fieldset>
  )
}

function Meanings(): ReactElement {
  return (
    <details className="px-4 py-2 text-sm">
      <summary className="text-muted">What the rules mean</summary>
      <dl className="mt-2 grid gap-x-6 gap-y-1 sm:grid-cols-2">
        {RULES.map(({ rule, label, hint }) => (
          <div key={rule} className="flex gap-2">
            <dt className="w-20 shrink-0 font-medium">{label}</dt>
            <dd className="text-muted">{hint}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}

function AddType({
  types,
  onAdd,
}: {
  readonly types: readonly string[]
  readonly onAdd: (type: string) => void
}): ReactElement {
  const [chosen, setChosen] = useState(types[0] ?? '')
  const type = types.includes(chosen) ? chosen : (types[0] ?? '')
  return (
    <div className="flex flex-wrap items-end gap-2 p-4">
      <SelectField
        label="Types without rules keep all of their backups"
        value={type}
        onChange={event => setChosen(event.target.value)}
      >
        {types.map(each => (
          <option key={each}>{each}</option>
        ))}
      </SelectField>
      <Button onClick={() => onAdd(type)}>Add rules for {type}</Button>
    </div>
  )
}
