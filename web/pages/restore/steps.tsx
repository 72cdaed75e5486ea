import type { ReactElement } from 'react'
import { cx } from '../../parts/class-names.ts'

const STEPS = [
  ['review', 'What will change'],
  ['confirm', 'Confirm'],
  ['restore', 'Restore'],
  ['result', 'Result'],
] as const

export type Step = (typeof STEPS)[number][0]

/** Where one is on the way. */
export function Steps({ current }: { readonly current: Step }): ReactElement {
  const at = STEPS.findIndex(([step]) => step === current)
  return (
    <ol aria-label="Steps" className="mb-5 flex flex-wrap gap-x-6 gap-y-1 text-sm">
      {STEPS.map(([step, words], index) => (
        <li
          key={step}
          aria-current={index === at ? 'step' : undefined}
          className={cx('flex items-center gap-2', index === at ? 'font-semibold text-accent' : 'text-muted')}
        >
          <span
            aria-hidden="true"
            className={cx(
              'grid size-6 place-items-center rounded-full border text-xs',
              index === at ? 'border-accent bg-accent text-accent-ink' : 'border-line-strong',
            )}
          >
            {index < at ? '✓' : index + 1}
          </span>
          {words}
          {index < at && <span className="sr-only">(done)</span>}
        </li>
      ))}
    </ol>
  )
}
