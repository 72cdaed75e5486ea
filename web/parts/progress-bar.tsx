import { Progress } from '@base-ui/react/progress'
import type { ReactElement } from 'react'

/** How far something is; `value` is 0 to 1, null while nobody knows. */
export function ProgressBar({
  label,
  value,
}: {
  readonly label: string
  readonly value: number | null
}): ReactElement {
  return (
    <Progress.Root value={value === null ? null : Math.round(value * 100)} className="grid gap-1 text-sm">
      <div className="flex justify-between gap-3">
        <Progress.Label>{label}</Progress.Label>
        <Progress.Value className="text-muted">{text => text}</Progress.Value>
      </div>
      <Progress.Track className="h-2 overflow-hidden rounded-full bg-line">
        <Progress.Indicator className="h-full rounded-full bg-accent transition-[width] data-[indeterminate]:w-1/3 data-[indeterminate]:animate-pulse" />
      </Progress.Track>
    </Progress.Root>
  )
}
