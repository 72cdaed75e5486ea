import type { ReactElement } from 'react'
import { Button } from '../../parts/button.tsx'
import { TextField } from '../../parts/field.tsx'

/** The last question: the name of the database, typed. */
export function ConfirmRestore({
  database,
  typed,
  onType,
  onConfirm,
  onBack,
}: {
  readonly database: string
  readonly typed: string
  readonly onType: (typed: string) => void
  readonly onConfirm: () => void
  readonly onBack: () => void
}): ReactElement {
  return (
    <form
      className="grid gap-4 rounded-lg border border-bad/50 bg-surface p-4"
      onSubmit={event => {
        event.preventDefault()
        if (typed === database) onConfirm()
      }}
    >
      <TextField
        label={`Type ${database} to restore it`}
        hint="The application sees the restored data at once."
        value={typed}
        autoComplete="off"
        spellCheck={false}
        className="max-w-sm"
        onChange={event => onType(event.target.value)}
      />
      <div className="flex flex-wrap gap-2">
        <Button type="submit" look="danger" disabled={typed !== database}>
          Restore {database}
        </Button>
        <Button onClick={onBack}>Back</Button>
      </div>
    </form>
  )
}
