import { type ReactElement, useState } from 'react'
import type { RetentionPolicy, RetentionRules } from '../../api/types.ts'
import { Button } from '../../parts/button.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Panel } from '../../parts/panel.tsx'
import { fieldText, RULES, withoutType, withRule } from './rules.ts'

const KNOWN_TYPES = ['daily', 'weekly', 'manual', 'pre_restore']

/** The rules of each type. */
export function PolicyEditor({
  policy,
  types,
  onChange,
}: {
  readonly policy: RetentionPolicy
  /** Types that there are backups of. */
  readonly types: readonly string[]
  readonly onChange: (policy: RetentionPolicy) => void
}): ReactElement {
  const unnamed = [...new Set([...KNOWN_TYPES, ...types])].filter(type => !Object.hasOwn(policy, type))
  return (
    <div className="grid gap-4">
      {Object.entries(policy).map(([type, rules]) => (
        <TypeRules
          key={type}
          type={type}
          rules={rules}
          onRule={(rule, text) => onChange(withRule(policy, { type, rule }, text))}
          onRemove={() => onChange(withoutType(policy, type))}
        />
      ))}
      {unnamed.length > 0 && (
        <AddType types={unnamed} onAdd={type => onChange({ ...policy, [type]: { keepLast: 10 } })} />
      )}
    </div>
  )
}

function TypeRules({
  type,
  rules,
  onRule,
  onRemove,
}: {
  readonly type: string
  readonly rules: RetentionRules
  readonly onRule: (rule: keyof RetentionRules, text: string) => void
  readonly onRemove: () => void
}): ReactElement {
  return (
    <Panel
      title={`Backups of type ${type}`}
      aside={
        <Button look="quiet" onClick={onRemove} aria-label={`Remove the rules for ${type}`}>
          Remove
        </Button>
      }
    >
      <div className="grid grid-cols-2 gap-3 sm:grid-cols-3 lg:grid-cols-5">
        {RULES.map(({ rule, label, hint, kind }) => (
          <TextField
            key={rule}
            label={label}
            hint={hint}
            aria-label={`${label} of ${type}`}
            value={fieldText(rules, rule)}
            placeholder="–"
            onChange={event => onRule(rule, event.target.value.trim())}
            {...(kind === 'count'
              ? { type: 'number', min: 0, max: 999_999, inputMode: 'numeric' as const }
              : {})}
          />
        ))}
      </div>
    </Panel>
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
    <div className="flex flex-wrap items-end gap-2">
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
