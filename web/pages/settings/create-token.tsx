import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { createToken } from '../../api/settings-calls.ts'
import { queryClient } from '../../api/query-client.ts'
import type { Role } from '../../api/types.ts'
import { Button } from '../../parts/button.tsx'
import { Dialog } from '../../parts/dialog.tsx'
import { SelectField, TextField } from '../../parts/field.tsx'
import { Notice, ProblemNote } from '../../parts/states.tsx'
import { DAY_MS } from '../../words/times.ts'

const ROLES: readonly (readonly [Role, string])[] = [
  ['viewer', 'viewer: sees states and lists'],
  ['operator', 'operator: makes, verifies, exports without secrets'],
  ['admin', 'admin: everything, restoring and deleting too'],
]

const LIVES = [
  ['30', '30 days'],
  ['90', '90 days'],
  ['365', 'one year'],
  ['', 'never'],
] as const

export function CreateToken(): ReactElement {
  const [isOpen, setOpen] = useState(false)
  const close = (): void => setOpen(false)
  return (
    <>
      <Button onClick={() => setOpen(true)}>New token</Button>
      <Dialog open={isOpen} onClose={close} title="New API token">
        <Making onClose={close} />
      </Dialog>
    </>
  )
}

function Making({ onClose }: { readonly onClose: () => void }): ReactElement {
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [days, setDays] = useState('90')
  const making = useMutation({
    mutationFn: async () => {
      const expiresAt = days === '' ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString()
      return createToken({ name: name.trim(), role, expiresAt })
    },
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: ['tokens'] }),
  })
  if (making.data !== undefined) return <Secret secret={making.data.secret} onClose={onClose} />
  return (
    <form
      className="grid gap-4"
      onSubmit={event => {
        event.preventDefault()
        making.mutate()
      }}
    >
      <TextField
        label="Name"
        hint="Whose it is, or which program’s."
        required
        maxLength={100}
        value={name}
        onChange={event => setName(event.target.value)}
      />
      <SelectField
        label="Role"
        value={role}
        onChange={event => setRole(ROLES.find(([each]) => each === event.target.value)?.[0] ?? 'viewer')}
      >
        {ROLES.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </SelectField>
      <SelectField label="Expires" value={days} onChange={event => setDays(event.target.value)}>
        {LIVES.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </SelectField>
      {making.isError && <ProblemNote error={making.error} />}
      <Button
        type="submit"
        look="primary"
        className="justify-self-end"
        disabled={name.trim() === '' || making.isPending}
      >
        Make the token
      </Button>
    </form>
  )
}

function Secret({
  secret,
  onClose,
}: {
  readonly secret: string
  readonly onClose: () => void
}): ReactElement {
  // Where the console comes without TLS, from another machine, browsers have no clipboard for it.
  const copying = useMutation({ mutationFn: async () => navigator.clipboard.writeText(secret) })
  return (
    <div className="grid gap-4">
      <Notice tone="good">
        <p role="status" className="font-semibold">
          Copy it now: it is not shown again.
        </p>
        <code className="mt-1 block break-all select-all">{secret}</code>
      </Notice>
      {copying.isError && (
        <Notice tone="warn">
          <p role="status">
            The browser lets nothing be copied from here. Select the token, and copy it yourself.
          </p>
        </Notice>
      )}
      <div className="flex justify-end gap-2">
        <Button onClick={() => copying.mutate()}>{copying.isSuccess ? 'Copied' : 'Copy'}</Button>
        <Button look="primary" onClick={onClose}>
          Done
        </Button>
      </div>
    </div>
  )
}
