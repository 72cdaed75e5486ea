import type { AnchorHTMLAttributes, ButtonHTMLAttributes, ReactElement } from 'react'
import { Link } from '../routing/router.tsx'
import type { Route } from '../routing/routes.ts'
import { cx } from './class-names.ts'

export type ButtonLook = 'primary' | 'plain' | 'quiet' | 'danger'

const LOOKS: Record<ButtonLook, string> = {
  primary: 'bg-accent text-accent-ink not-aria-disabled:hover:bg-accent-strong border-transparent',
  plain: 'bg-surface text-ink not-aria-disabled:hover:bg-sunken border-line-mid',
  quiet: 'bg-transparent text-accent not-aria-disabled:hover:bg-accent-soft border-transparent',
  danger: 'bg-bad-solid text-bad-solid-ink not-aria-disabled:hover:brightness-110 border-transparent',
}

/** The class of what looks like a button, wherever it is not one of the components below. */
export function buttonClass(look: ButtonLook = 'plain', extra?: string): string {
  return cx(
    'inline-flex min-h-9 items-center justify-center gap-2 rounded-md border px-3 py-1 text-sm font-medium',
    'transition-colors aria-disabled:cursor-not-allowed aria-disabled:opacity-55',
    LOOKS[look],
    extra,
  )
}

/**
 * One that is disabled does nothing, and can still be reached by keyboard: who has just used it, such as to turn the last
 * page, stays where he is, and a screen reader finds it.
 */
export function Button({
  look = 'plain',
  className,
  type = 'button',
  disabled = false,
  onClick,
  ...rest
}: { readonly look?: ButtonLook } & ButtonHTMLAttributes<HTMLButtonElement>): ReactElement {
  return (
    <button
      type={type}
      className={buttonClass(look, className)}
      aria-disabled={disabled || undefined}
      // Enter in a field of its form is a click on it, too.
      onClick={event => (disabled ? event.preventDefault() : onClick?.(event))}
      {...rest}
    />
  )
}

export function ButtonLink({
  look = 'plain',
  className,
  ...rest
}: {
  readonly look?: ButtonLook
  readonly to: Route
} & AnchorHTMLAttributes<HTMLAnchorElement>): ReactElement {
  return <Link className={buttonClass(look, className)} {...rest} />
}
