import type { ReactElement, ReactNode } from 'react'
import { cx } from './class-names.ts'

/** A frame that scrolls by itself. It can be focused, so that a keyboard can scroll it too. */
export function ScrollRegion({
  label,
  className,
  children,
}: {
  readonly label: string
  readonly className: string
  readonly children: ReactNode
}): ReactElement {
  return (
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- what scrolls must be reachable by keyboard
    <div role="region" aria-label={label} tabIndex={0} className={cx('overflow-auto', className)}>
      {children}
    </div>
  )
}
