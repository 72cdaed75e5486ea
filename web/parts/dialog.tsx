import { Dialog as Base } from '@base-ui/react/dialog'
import { AlertDialog } from '@base-ui/react/alert-dialog'
import { type MouseEvent, type ReactElement, type ReactNode, useEffect, useState } from 'react'
import { Button, type ButtonLook, buttonClass } from './button.tsx'
import { ProblemNote } from './states.tsx'

const BACKDROP = 'fixed inset-0 bg-shade'
const POPUP =
  'fixed top-1/2 left-1/2 max-h-[calc(100dvh-2rem)] w-[min(32rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 overflow-y-auto rounded-lg border border-line bg-raised p-5 shadow-xl'

/** The words in which somebody is asked before a dialog is closed that has something to lose. */
export interface Loss {
  readonly question: string
  readonly why: string
  /** The word on the button that closes it all the same. */
  readonly action: string
  /** The word on the button that does not. */
  readonly otherwise: string
}

/** A dialog with a form in it. */
export function Dialog({
  open,
  onClose,
  title,
  about,
  loss = null,
  children,
}: {
  readonly open: boolean
  readonly onClose: () => void
  readonly title: string
  readonly about?: ReactNode
  /** Where there is one, a click beside the dialog does nothing, and Escape, ✕ and leaving the page ask first. */
  readonly loss?: Loss | null
  readonly children: ReactNode
}): ReactElement {
  const [isAsking, setAsking] = useState(false)
  // What was asked about is not there to lose any more, and the next time is another one.
  if (isAsking && loss === null) setAsking(false)
  const close = (): void => (loss === null ? onClose() : setAsking(true))
  const isLossy = open && loss !== null
  useEffect(() => {
    if (!isLossy) return
    // The browser asks, in words of its own.
    const ask = (event: BeforeUnloadEvent): void => event.preventDefault()
    addEventListener('beforeunload', ask)
    return () => removeEventListener('beforeunload', ask)
  }, [isLossy])
  return (
    <Base.Root
      open={open}
      onOpenChange={isOpen => !isOpen && close()}
      disablePointerDismissal={loss !== null}
    >
      <Base.Portal>
        <Base.Backdrop className={BACKDROP} onMouseDown={keepFocus} />
        <Base.Popup className={POPUP}>
          <Base.Title className="pr-8">{title}</Base.Title>
          {about !== undefined && (
            <Base.Description className="mt-1 text-sm text-muted" render={<div />}>
              {about}
            </Base.Description>
          )}
          <div className="mt-4">{children}</div>
          {/* Last, so that the first field is what a keyboard is in. */}
          <Base.Close aria-label="Close" className={buttonClass('quiet', 'absolute top-3 right-3 px-2')}>
            <span aria-hidden="true">✕</span>
          </Base.Close>
        </Base.Popup>
      </Base.Portal>
      {loss !== null && (
        <Confirm
          open={isAsking}
          onClose={() => setAsking(false)}
          title={loss.question}
          action={loss.action}
          otherwise={loss.otherwise}
          isBusy={false}
          error={null}
          onConfirm={onClose}
        >
          {loss.why}
        </Confirm>
      )}
    </Base.Root>
  )
}

/** Asks before something that cannot be undone. It stays open, and says why, when that fails. */
export function Confirm({
  open,
  onClose,
  title,
  children,
  action,
  otherwise = 'Keep as it is',
  look = 'danger',
  isReady = true,
  isBusy,
  error,
  onConfirm,
}: {
  readonly open: boolean
  readonly onClose: () => void
  readonly title: string
  readonly children: ReactNode
  /** The word on the button: what will happen. */
  readonly action: string
  /** The word on the other one. */
  readonly otherwise?: string
  readonly look?: ButtonLook
  /** Whether everything that has to be typed first was. */
  readonly isReady?: boolean
  readonly isBusy: boolean
  readonly error: unknown
  readonly onConfirm: () => void
}): ReactElement {
  return (
    <AlertDialog.Root open={open} onOpenChange={isOpen => !isOpen && onClose()}>
      <AlertDialog.Portal>
        {/* Before a dialog, too, which is then what is behind it. */}
        <AlertDialog.Backdrop forceRender className={BACKDROP} onMouseDown={keepFocus} />
        <AlertDialog.Popup className={POPUP}>
          <AlertDialog.Title>{title}</AlertDialog.Title>
          <AlertDialog.Description className="mt-2 text-sm" render={<div />}>
            {children}
          </AlertDialog.Description>
          {error !== null && error !== undefined && (
            <div className="mt-3">
              <ProblemNote error={error} />
            </div>
          )}
          <div className="mt-5 flex flex-wrap justify-end gap-2">
            <AlertDialog.Close className={buttonClass()}>{otherwise}</AlertDialog.Close>
            <Button look={look} disabled={!isReady || isBusy} onClick={onConfirm}>
              {isBusy ? 'Working …' : action}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}

/** Where a click beside a dialog does not close it, whoever goes on by keyboard is still in it. */
function keepFocus(event: MouseEvent): void {
  event.preventDefault()
}
