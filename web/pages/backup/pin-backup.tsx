import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { nameOf } from '../../api/backup-name.ts'
import { pinBackup, unpinBackup } from '../../api/calls.ts'
import { queryClient } from '../../api/query-client.ts'
import type { BackupInfo } from '../../api/types.ts'
import { Button } from '../../parts/button.tsx'
import { Confirm, Dialog } from '../../parts/dialog.tsx'
import { TextField } from '../../parts/field.tsx'
import { ProblemNote } from '../../parts/states.tsx'
import { say } from '../../parts/toasts.tsx'

interface PinProps {
  readonly database: string
  readonly backup: BackupInfo
  readonly onClose: () => void
}

/** Says that a backup must stay, or takes that back. */
export function PinBackup(props: PinProps): ReactElement {
  return props.backup.pinned === null ? <Pin {...props} /> : <Unpin {...props} />
}

function Pin({ database, backup, onClose }: PinProps): ReactElement {
  const [reason, setReason] = useState('')
  const pinning = useMutation({
    mutationFn: async () => pinBackup(database, nameOf(backup), reason.trim()),
    onSuccess: () => done(database, 'The backup is pinned', onClose),
  })
  return (
    <Dialog
      open
      onClose={onClose}
      title="Pin this backup"
      about="Nothing deletes it until it is unpinned: no policy, no cleanup, nobody."
    >
      <form
        className="grid gap-4"
        onSubmit={event => {
          event.preventDefault()
          pinning.mutate()
        }}
      >
        <TextField
          label="Why it must stay"
          required
          maxLength={1000}
          value={reason}
          onChange={event => setReason(event.target.value)}
        />
        {pinning.isError && <ProblemNote error={pinning.error} />}
        <Button
          type="submit"
          look="primary"
          className="justify-self-end"
          disabled={reason.trim() === '' || pinning.isPending}
        >
          Pin
        </Button>
      </form>
    </Dialog>
  )
}

function Unpin({ database, backup, onClose }: PinProps): ReactElement {
  const unpinning = useMutation({
    mutationFn: async () => unpinBackup(database, nameOf(backup)),
    onSuccess: () => done(database, 'The backup is no longer pinned', onClose),
  })
  return (
    <Confirm
      open
      onClose={onClose}
      title="Unpin this backup?"
      action="Unpin"
      look="primary"
      isBusy={unpinning.isPending}
      error={unpinning.error}
      onConfirm={() => unpinning.mutate()}
    >
      <p>
        {backup.pinned?.by} pinned it: “{backup.pinned?.reason}”. Once unpinned, the retention policy decides
        again.
      </p>
    </Confirm>
  )
}

function done(database: string, words: string, onClose: () => void): void {
  say(words)
  void queryClient.invalidateQueries({ queryKey: ['db', database] })
  onClose()
}
