import { Dialog as Base } from '@base-ui/react/dialog'
import { AlertDialog } from '@base-ui/react/alert-dialog'
import type { ReactElement, ReactNode } from 'react'
import { Button, type ButtonLook, buttonClass } from './button.tsx'
import { ProblemNote } from './states.tsx'

const BACKDROP = 'fixed inset-0 bg-shade'
const POPUP =
  'fixed top-1/2 left-1/2 max-h-[calc(100dvh-2rem)] w-[min(32rem,calc(100vw-2rem))] -translate-x-1/2 -translate-y-1/2 overflow-y-auto rounded-lg border border-line bg-raised p-5 shadow-xl'

/** A dialog with a form in it. */
export function Dialog({
  open,
  onClose,
  title,
  about,
  children,
}: {
  readonly open: boolean
  readonly onClose: () => void
  readonly title: string
  readonly about?: ReactNode
  readonly children: ReactNode
}): ReactElement {
  return (
    <Base.Root open={open} onOpenChange={isOpen => !isOpen && onClose()}>
      <Base.Portal>
        <Base.Backdrop className={BACKDROP} />
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
        <AlertDialog.Backdrop className={BACKDROP} />
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
            <AlertDialog.Close className={buttonClass()}>Keep as it is</AlertDialog.Close>
            <Button look={look} disabled={!isReady || isBusy} onClick={onConfirm}>
              {isBusy ? 'Working …' : action}
            </Button>
          </div>
        </AlertDialog.Popup>
      </AlertDialog.Portal>
    </AlertDialog.Root>
  )
}
