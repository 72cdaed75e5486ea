import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useEffect, useId, useRef, useState } from 'react'
import { uploadBackup } from '../../api/calls.ts'
import { queryClient } from '../../api/query-client.ts'
import { Button } from '../../parts/button.tsx'
import { Dialog, type Loss } from '../../parts/dialog.tsx'
import { TextField } from '../../parts/field.tsx'
import { ProgressBar } from '../../parts/progress-bar.tsx'
import { ProblemNote } from '../../parts/states.tsx'
import { say } from '../../parts/toasts.tsx'

/** Adds a backup file from this computer. */
export function UploadBackup({ database }: { readonly database: string }): ReactElement {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button onClick={() => setOpen(true)}>Upload</Button>
      {isOpen && <Uploading database={database} onClose={() => setOpen(false)} />}
    </>
  )
}

const LOSS: Loss = {
  question: 'Stop the upload?',
  why: 'Nothing is kept of what was sent so far.',
  action: 'Stop it',
  otherwise: 'Go on',
}

function Uploading({
  database,
  onClose,
}: {
  readonly database: string
  readonly onClose: () => void
}): ReactElement {
  const id = useId()
  const [file, setFile] = useState<File | null>(null)
  const [description, setDescription] = useState('')
  const [sent, setSent] = useState(0)
  const ending = useRef<AbortController>(null)
  useEffect(() => () => ending.current?.abort(), [])
  const sending = useMutation({
    mutationFn: async (chosen: File) => {
      const controller = new AbortController()
      ending.current = controller
      setSent(0)
      return uploadBackup(database, chosen, description.trim(), {
        onSent: setSent,
        signal: controller.signal,
      })
    },
    onSuccess: ({ backup: { filename }, notes }) => {
      say('The backup was uploaded and verified', [filename, ...notes].join(': '), {
        stays: notes.length > 0,
      })
      void queryClient.invalidateQueries({ queryKey: ['db', database] })
      onClose()
    },
  })
  return (
    <Dialog
      open
      onClose={onClose}
      title={`Upload a backup of ${database}`}
      about="A SQLite file, or one compressed with zstd (.db.zst). It is verified before it is listed."
      loss={sending.isPending ? LOSS : null}
    >
      <form
        className="grid gap-4"
        onSubmit={event => {
          event.preventDefault()
          if (file !== null) sending.mutate(file)
        }}
      >
        <div>
          <label htmlFor={id} className="mb-1 block text-sm font-medium">
            File
          </label>
          <input
            id={id}
            type="file"
            required
            disabled={sending.isPending}
            className="block w-full text-sm file:mr-3 file:min-h-9 file:rounded-md file:border file:border-line-strong file:bg-surface file:px-3 file:text-ink"
            onChange={event => setFile(event.target.files?.[0] ?? null)}
          />
        </div>
        <TextField
          label="Description"
          value={description}
          disabled={sending.isPending}
          maxLength={1000}
          onChange={event => setDescription(event.target.value)}
        />
        {sending.isPending && (
          <ProgressBar label={sent < 1 ? 'Sending' : 'Verifying'} value={sent < 1 ? sent : null} />
        )}
        {sending.isError && <ProblemNote error={sending.error} />}
        <div className="flex justify-end gap-2">
          {sending.isPending && <Button onClick={() => ending.current?.abort()}>Cancel</Button>}
          <Button type="submit" look="primary" disabled={file === null || sending.isPending}>
            Upload
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
