import type { ReactElement } from 'react'
import type { Verdict } from '../../api/types.ts'
import { Badge, type Tone } from '../../parts/badge.tsx'

const WORDS: Record<
  Verdict['status'],
  { readonly word: string; readonly tone: Tone; readonly sign: string }
> = {
  protected: { word: 'Protected', tone: 'good', sign: '✓' },
  'at-risk': { word: 'At risk', tone: 'warn', sign: '!' },
  failing: { word: 'Failing', tone: 'bad', sign: '✕' },
}

export function VerdictBadge({ status }: { readonly status: Verdict['status'] }): ReactElement {
  const { word, tone, sign } = WORDS[status]
  return (
    <Badge tone={tone}>
      <span aria-hidden="true">{sign}</span> {word}
    </Badge>
  )
}
