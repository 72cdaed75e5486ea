import { Field } from '@base-ui/react/field'
import { Switch } from '@base-ui/react/switch'
import type { InputHTMLAttributes, ReactElement, ReactNode, SelectHTMLAttributes } from 'react'
import { useEffect, useEffectEvent, useId, useState } from 'react'
import { cx } from './class-names.ts'

const CONTROL =
  'block w-full min-h-9 rounded-md border border-line-strong bg-surface px-2.5 py-1.5 text-sm text-ink placeholder:text-muted data-[invalid]:border-bad'

/** A line of text with its label, and what is wrong with it. */
export function TextField({
  label,
  hint,
  problem,
  isCode = false,
  className,
  ...rest
}: {
  readonly label: ReactNode
  readonly hint?: ReactNode
  readonly problem?: string | null
  readonly isCode?: boolean
} & InputHTMLAttributes<HTMLInputElement>): ReactElement {
  const isInvalid = problem !== null && problem !== undefined
  return (
    <Field.Root invalid={isInvalid} className={cx('min-w-0', className)}>
      <Field.Label className="mb-1 block text-sm font-medium">{label}</Field.Label>
      <Field.Control className={cx(CONTROL, isCode && 'font-mono')} {...(rest as object)} />
      {hint !== undefined && (
        <Field.Description className="mt-1 text-xs text-muted">{hint}</Field.Description>
      )}
      {isInvalid && (
        <Field.Error match className="mt-1 text-xs font-medium text-bad">
          {problem}
        </Field.Error>
      )}
    </Field.Root>
  )
}

/** A choice of a few. The browser's own list: it works with every keyboard, screen reader and phone. */
export function SelectField({
  label,
  isLabelHidden = false,
  className,
  children,
  ...rest
}: {
  readonly label: string
  readonly isLabelHidden?: boolean
} & SelectHTMLAttributes<HTMLSelectElement>): ReactElement {
  const id = useId()
  return (
    <div className={cx('min-w-0', className)}>
      <label htmlFor={id} className={isLabelHidden ? 'sr-only' : 'mb-1 block text-sm font-medium'}>
        {label}
      </label>
      <select id={id} className={CONTROL} {...rest}>
        {children}
      </select>
    </div>
  )
}

/** Searches what is here; for what the server searches there is {@link ServerSearchField}. */
export function SearchField({
  label,
  value,
  onChange,
  onEnter,
  className,
}: {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly onEnter?: () => void
  readonly className?: string
}): ReactElement {
  const id = useId()
  return (
    <div className={cx('min-w-0', className)}>
      <label htmlFor={id} className="sr-only">
        {label}
      </label>
      <input
        id={id}
        type="search"
        placeholder={label}
        value={value}
        onChange={event => onChange(event.target.value)}
        // An Enter that takes over what an input method offers is none.
        onKeyDown={event => event.key === 'Enter' && !event.nativeEvent.isComposing && onEnter?.()}
        className={CONTROL}
      />
    </div>
  )
}

/** So long nobody pauses within a word. */
const PAUSE_MS = 250

/** A search that the server answers: it is asked once nobody types any more, or at Enter, and not at every key. */
export function ServerSearchField({
  label,
  asked,
  onAsk,
}: {
  readonly label: string
  /** What the server was asked last. */
  readonly asked: string
  readonly onAsk: (text: string) => void
}): ReactElement {
  const [text, setText] = useState(asked)
  const ask = (): void => {
    if (text !== asked) onAsk(text)
  }
  const askAfterPause = useEffectEvent(ask)
  useEffect(() => {
    if (text === asked) return undefined
    const timer = window.setTimeout(() => askAfterPause(), PAUSE_MS)
    return () => window.clearTimeout(timer)
  }, [text, asked])
  return <SearchField label={label} value={text} onChange={setText} onEnter={ask} />
}

export function TextArea({
  label,
  value,
  onChange,
  rows = 4,
  isCode = false,
}: {
  readonly label: string
  readonly value: string
  readonly onChange: (value: string) => void
  readonly rows?: number
  readonly isCode?: boolean
}): ReactElement {
  const id = useId()
  return (
    <div>
      <label htmlFor={id} className="mb-1 block text-sm font-medium">
        {label}
      </label>
      <textarea
        id={id}
        rows={rows}
        value={value}
        spellCheck={!isCode}
        onChange={event => onChange(event.target.value)}
        className={cx(CONTROL, isCode && 'font-mono')}
      />
    </div>
  )
}

export function SwitchField({
  label,
  hint,
  checked,
  onChange,
  disabled = false,
}: {
  readonly label: string
  readonly hint?: ReactNode
  readonly checked: boolean
  readonly onChange: (checked: boolean) => void
  readonly disabled?: boolean
}): ReactElement {
  const id = useId()
  return (
    <div className="flex items-start gap-3">
      <Switch.Root
        checked={checked}
        disabled={disabled}
        onCheckedChange={onChange}
        aria-labelledby={`${id}-label`}
        aria-describedby={hint === undefined ? undefined : `${id}-hint`}
        className="mt-0.5 flex h-5 w-9 shrink-0 rounded-full bg-line-strong p-0.5 transition-colors data-[checked]:bg-accent"
      >
        <Switch.Thumb className="size-4 rounded-full bg-surface transition-transform data-[checked]:translate-x-4" />
      </Switch.Root>
      <div className="text-sm">
        <span id={`${id}-label`} className="font-medium">
          {label}
        </span>
        {hint !== undefined && (
          <div id={`${id}-hint`} className="text-muted">
            {hint}
          </div>
        )}
      </div>
    </div>
  )
}
