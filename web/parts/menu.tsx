import { Menu as Base } from '@base-ui/react/menu'
import type { ReactElement } from 'react'
import { buttonClass } from './button.tsx'
import { cx } from './class-names.ts'

export interface MenuItem {
  readonly label: string
  /** An address to go to, or something to do. */
  readonly href?: string
  readonly download?: boolean
  readonly onSelect?: () => void
  readonly isDanger?: boolean
}

/** A button that opens a list of what can be done. */
export function Menu({
  label,
  items,
}: {
  readonly label: string
  readonly items: readonly MenuItem[]
}): ReactElement {
  return (
    <Base.Root>
      <Base.Trigger aria-label={label} className={buttonClass('plain', 'px-2.5')}>
        <span aria-hidden="true">⋯</span>
      </Base.Trigger>
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="end" className="z-10">
          <Base.Popup className="min-w-40 rounded-md border border-line bg-raised py-1 text-sm shadow-lg outline-none">
            {items.map(({ label: text, href, download, onSelect, isDanger }) => {
              const className = cx(
                'block w-full cursor-pointer px-3 py-1.5 text-start outline-none data-[highlighted]:bg-accent-soft',
                isDanger === true && 'text-bad',
              )
              return href === undefined ? (
                <Base.Item key={text} className={className} onClick={onSelect}>
                  {text}
                </Base.Item>
              ) : (
                <Base.LinkItem
                  key={text}
                  className={className}
                  href={href}
                  {...(download === true ? { download: '' } : {})}
                >
                  {text}
                </Base.LinkItem>
              )
            })}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  )
}
