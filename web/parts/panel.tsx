import { type ReactElement, type ReactNode, useId } from 'react'
import { cx } from './class-names.ts'

/** A part of a page with a heading of its own. */
export function Panel({
  title,
  aside,
  children,
  flush = false,
  className,
}: {
  readonly title: ReactNode
  /** Beside the heading. */
  readonly aside?: ReactNode
  readonly children: ReactNode
  /** Content up to the edge, as tables have it. */
  readonly flush?: boolean
  readonly className?: string
}): ReactElement {
  const id = useId()
  return (
    <section
      aria-labelledby={id}
      className={cx('min-w-0 rounded-lg border border-line bg-surface', className)}
    >
      <header className="flex flex-wrap items-center justify-between gap-2 border-b border-line px-4 py-2.5">
        <h2 id={id}>{title}</h2>
        {aside}
      </header>
      <div className={flush ? '' : 'p-4'}>{children}</div>
    </section>
  )
}

/** What stands on top of a page: its name, what it is about, what can be done. */
export function PageHeader({
  title,
  about,
  actions,
}: {
  readonly title: ReactNode
  readonly about?: ReactNode
  readonly actions?: ReactNode
}): ReactElement {
  return (
    <header className="mb-5 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="min-w-0">
        <h1>{title}</h1>
        {about !== undefined && <p className="mt-1 max-w-2xl text-muted">{about}</p>}
      </div>
      {actions !== undefined && <div className="flex flex-wrap gap-2">{actions}</div>}
    </header>
  )
}

/** Pairs of a name and a value. */
export function Facts({
  facts,
  className,
}: {
  readonly facts: readonly (readonly [name: string, value: ReactNode])[]
  readonly className?: string
}): ReactElement {
  return (
    <dl className={cx('grid gap-x-6 gap-y-1.5 text-sm sm:grid-cols-[max-content_minmax(0,1fr)]', className)}>
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-muted">{name}</dt>
          <dd className="mb-1.5 min-w-0 break-words sm:mb-0">{value}</dd>
        </div>
      ))}
    </dl>
  )
}
