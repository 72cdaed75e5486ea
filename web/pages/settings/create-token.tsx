import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useEffect, useRef, useState } from 'react'
import { createToken, type TokenWanted } from '../../api/settings-calls.ts'
import { queryClient } from '../../api/query-client.ts'
import type { Role } from '../../api/types.ts'
import { Button } from '../../parts/button.tsx'
import { Dialog, type Loss } from '../../parts/dialog.tsx'
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

/** The secret comes once: whoever closes this before he has it has made a token for nobody. */
const LOSS: Loss = {
  question: 'Close without the token?',
  why: 'It was not copied yet, and it is not shown again. You can revoke it, and make another one.',
  action: 'Close',
  otherwise: 'Back to the token',
}

export function CreateToken(): ReactElement {
  const [isOpen, setOpen] = useState(false)
  return (
    <>
      <Button onClick={() => setOpen(true)}>New token</Button>
      {isOpen && <NewToken onClose={() => setOpen(false)} />}
    </>
  )
}

function NewToken({ onClose }: { readonly onClose: () => void }): ReactElement {
  const [isCopied, setCopied] = useState(false)
  const making = useMutation({
    mutationFn: createToken,
    onSuccess: () => void queryClient.invalidateQueries({ queryKey: ['tokens'] }),
  })
  const isAtStake = making.isPending || (making.isSuccess && !isCopied)
  return (
    <Dialog open onClose={onClose} title="New API token" loss={isAtStake ? LOSS : null}>
      {making.data === undefined ? (
        <TokenForm isBusy={making.isPending} error={making.error} onMake={making.mutate} />
      ) : (
        <Secret secret={making.data.secret} onCopied={() => setCopied(true)} onClose={onClose} />
      )}
    </Dialog>
  )
}

function TokenForm({
  isBusy,
  error,
  onMake,
}: {
  readonly isBusy: boolean
  readonly error: unknown
  readonly onMake: (token: TokenWanted) => void
}): ReactElement {
  const [name, setName] = useState('')
  const [role, setRole] = useState<Role>('viewer')
  const [days, setDays] = useState('90')
  return (
    <form
      className="grid gap-4"
      onSubmit={event => {
        event.preventDefault()
        const expiresAt = days === '' ? null : new Date(Date.now() + Number(days) * DAY_MS).toISOString()
        onMake({ name: name.trim(), role, expiresAt })
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
      {error !== null && <ProblemNote error={error} />}
      <Button
        type="submit"
        look="primary"
        className="justify-self-end"
        disabled={name.trim() === '' || isBusy}
      >
        Make the token
      </Button>
    </form>
  )
}

function Secret({
  secret,
  onCopied,
  onClose,
}: {
  readonly secret: string
  readonly onCopied: () => void
  readonly onClose: () => void
}): ReactElement {
  // Where the console comes without TLS, from another machine, browsers have no clipboard for it.
  const copying = useMutation({
    mutationFn: async () => navigator.clipboard.writeText(secret),
    onSuccess: onCopied,
  })
  // Where the focus was, the form, is gone.
  const place = useRef<HTMLDivElement>(null)
  useEffect(() => place.current?.focus(), [])
  return (
    <div ref={place} tabIndex={-1} className="grid gap-4 outline-none">
      <Notice tone="good">
        <p role="status" className="font-semibold">
          Copy it now: it is not shown again.
        </p>
        <code className="mt-1 block break-all select-all" onCopy={onCopied}>
          {secret}
        </code>
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
