import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { nameOf } from '../../api/backup-name.ts'
import { deleteBackup } from '../../api/calls.ts'
import { Problem } from '../../api/problem.ts'
import { queryClient } from '../../api/query-client.ts'
import type { BackupInfo } from '../../api/types.ts'
import { Confirm } from '../../parts/dialog.tsx'
import { SwitchField } from '../../parts/field.tsx'
import { say } from '../../parts/toasts.tsx'
import { formatBytes } from '../../words/numbers.ts'
import { formatInstant } from '../../words/times.ts'

/** Asks whether a backup shall go for good, and deletes it. */
export function DeleteBackup({
  database,
  backup,
  onClose,
  onDeleted = onClose,
}: {
  readonly database: string
  readonly backup: BackupInfo
  readonly onClose: () => void
  readonly onDeleted?: () => void
}): ReactElement {
  const [force, setForce] = useState(false)
  const deleting = useMutation({
    mutationFn: async () => deleteBackup(database, nameOf(backup), { force }),
    onSuccess: ({ freedBytes }) => {
      say('The backup is deleted', `${formatBytes(freedBytes)} are free again.`)
      void queryClient.invalidateQueries({ queryKey: ['db', database] })
      onDeleted()
    },
  })
  const isProtected =
    deleting.error instanceof Problem && deleting.error.code === 'BACKUP_PROTECTED' && backup.pinned === null
  return (
    <Confirm
      open
      onClose={onClose}
      title="Delete this backup for good?"
      action="Delete for good"
      isBusy={deleting.isPending}
      error={deleting.error}
      onConfirm={() => deleting.mutate()}
    >
      <p className="break-all">
        <strong>{backup.filename}</strong> of {formatInstant(backup.created)}, {formatBytes(backup.size)}.{' '}
        {backup.copies.length > 0
          ? `Its copies at ${backup.copies.join(', ')} stay.`
          : 'No copy of it is kept here.'}
      </p>
      {(isProtected || force) && (
        <div className="mt-3">
          <SwitchField
            label="Delete it all the same"
            hint="It is the last good backup of its database."
            checked={force}
            onChange={setForce}
          />
        </div>
      )}
    </Confirm>
  )
}
