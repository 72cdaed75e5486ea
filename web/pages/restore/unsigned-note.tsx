import type { ReactElement } from 'react'
import { SwitchField } from '../../parts/field.tsx'
import { Notice } from '../../parts/states.tsx'

/** Says what it means to restore what nobody has signed, where signatures are demanded, and lets an admin do it. */
export function UnsignedNote({
  isAccepted,
  onAccept,
}: {
  readonly isAccepted: boolean
  readonly onAccept: (isAccepted: boolean) => void
}): ReactElement {
  return (
    <Notice tone="warn">
      <p className="font-semibold">This backup is not signed.</p>
      <p>
        The configuration trusts signed backups alone, so a restore of this one is refused. Nothing shows who
        has written it: it may be from before backups were signed, or somebody may have put it there.
      </p>
      <div className="mt-3">
        <SwitchField
          label="Restore it though it is not signed"
          hint="Only if you know that nobody else can have written it. The audit log notes that you did."
          checked={isAccepted}
          onChange={onAccept}
        />
      </div>
    </Notice>
  )
}
