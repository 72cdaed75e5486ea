import { Toast } from '@base-ui/react/toast'
import type { ReactElement } from 'react'
import { buttonClass } from './button.tsx'

const manager = Toast.createToastManager()

/**
 * Says that something worked. What failed is said where it was asked for, and stays there.
 *
 * @param stays until somebody dismisses it: for what has to be read
 */
export function say(title: string, description?: string, { stays = false } = {}): void {
  manager.add({
    title,
    ...(description === undefined ? {} : { description }),
    ...(stays ? { timeout: 0 } : {}),
  })
}

/** Where what is said appears. */
export function Toasts(): ReactElement {
  return (
    <Toast.Provider toastManager={manager} limit={3}>
      <Toast.Portal>
        <Toast.Viewport className="fixed right-4 bottom-4 z-20 flex w-[min(24rem,calc(100vw-2rem))] flex-col gap-2">
          <ToastList />
        </Toast.Viewport>
      </Toast.Portal>
    </Toast.Provider>
  )
}

function ToastList(): ReactElement {
  const { toasts } = Toast.useToastManager()
  return (
    <>
      {toasts.map(toast => (
        <Toast.Root
          key={toast.id}
          toast={toast}
          className="flex items-start justify-between gap-3 rounded-md border border-line bg-raised p-3 text-sm shadow-lg data-[limited]:hidden"
        >
          <div className="min-w-0">
            <Toast.Title className="font-semibold" />
            <Toast.Description className="text-muted" />
          </div>
          <Toast.Close aria-label="Dismiss" className={buttonClass('quiet', 'min-h-6 px-2')}>
            <span aria-hidden="true">✕</span>
          </Toast.Close>
        </Toast.Root>
      ))}
    </>
  )
}
