import type { ReactElement } from 'react'
import { formatCount } from '../words/numbers.ts'
import { Button } from './button.tsx'

/** Steps through pages of a long list. */
export function Pager({
  offset,
  shown,
  total,
  pageSize,
  hasMore,
  onOffset,
}: {
  readonly offset: number
  /** How many are on this page. */
  readonly shown: number
  /** Null where nobody counted. */
  readonly total: number | null
  readonly pageSize: number
  readonly hasMore: boolean
  readonly onOffset: (offset: number) => void
}): ReactElement | null {
  if (offset === 0 && !hasMore) return null
  const range = `${formatCount(offset + 1)}–${formatCount(offset + shown)}`
  return (
    <nav
      aria-label="Pages"
      className="flex items-center justify-between gap-3 border-t border-line px-4 py-2 text-sm"
    >
      <Button disabled={offset === 0} onClick={() => onOffset(Math.max(0, offset - pageSize))}>
        Previous
      </Button>
      <span className="text-muted">
        {range}
        {total !== null && ` of ${formatCount(total)}`}
      </span>
      <Button disabled={!hasMore} onClick={() => onOffset(offset + pageSize)}>
        Next
      </Button>
    </nav>
  )
}
