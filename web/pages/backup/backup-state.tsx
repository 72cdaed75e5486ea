import type { ReactElement } from 'react'
import type { BackupInfo } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'

/** Whether a backup was checked, what holds it, and which targets have it. */
export function BackupState({ backup }: { readonly backup: BackupInfo }): ReactElement {
  const { metadata, metadataState, pinned, encoding, signature, target, copies } = backup
  return (
    <span className="inline-flex flex-wrap gap-1">
      {metadataState !== 'ok' && (
        <Badge tone="warn">{metadataState === 'missing' ? 'no metadata' : 'unreadable metadata'}</Badge>
      )}
      {isDamaged(backup) ? (
        <Badge tone="bad">damaged</Badge>
      ) : typeof metadata?.verified_at === 'string' ? (
        <Badge tone="good">verified</Badge>
      ) : (
        <Badge>not verified</Badge>
      )}
      {signature !== null && metadataState === 'ok' && (
        <Badge tone={SIGNATURES[signature].tone}>{SIGNATURES[signature].words}</Badge>
      )}
      {pinned !== null && <Badge tone="info">pinned</Badge>}
      {encoding !== 'plain' && <Badge>{encoding}</Badge>}
      {(target === null ? copies : [target]).map(name => (
        <Badge key={name}>at {name}</Badge>
      ))}
    </span>
  )
}

const SIGNATURES = {
  valid: { tone: 'good', words: 'signed' },
  missing: { tone: 'warn', words: 'not signed' },
  'unknown-key': { tone: 'bad', words: 'signed by an unknown key' },
  wrong: { tone: 'bad', words: 'signature of another' },
} as const

/** Whether its last check found damage. */
function isDamaged({ metadata }: Pick<BackupInfo, 'metadata'>): boolean {
  return metadata?.damaged_at !== undefined
}
