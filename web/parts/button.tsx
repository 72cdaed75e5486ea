import type { AnchorHTMLAttributes, ButtonHTMLAttributes, ReactElement } from 'react'
import { Link } from '../routing/router.tsx'
import type { Route } from '../routing/routes.ts'
import { cx } from './class-names.ts'

export type ButtonLook = 'primary' | 'plain' | 'quiet' | 'danger'

const LOOKS: Record<ButtonLook, string> = {
  primary: 'bg-accent text-accent-ink hover:bg-accent-strong border-transparent',
  plain: 'bg-surface text-ink hover:bg-sunken border-line-mid',
  quiet: 'bg-transparent text-accent hover:bg-accent-soft border-transparent',
  danger: 'bg-bad-solid text-bad-solid-ink hover:brightness-110 border-transparent',
}

/** The class of what looks like a button, wherever it is not one of the components below. */
export function buttonClass(look: ButtonLook = 'plain', extra?: string): string {
  return cx(
    'inline-flex min-h-9 items-center justify-center gap-2 rounded-md border px-3 py-1 text-sm font-medium',
    'transition-colors disabled:opacity-55',
    LOOKS[look],
    extra,
  )
}

export function Button({
  look = 'plain',
  className,
  type = 'button',
  ...rest
}: { readonly look?: ButtonLook } & ButtonHTMLAttributes<HTMLButtonElement>): ReactElement {
  return <button type={type} className={buttonClass(look, className)} {...rest} />
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
