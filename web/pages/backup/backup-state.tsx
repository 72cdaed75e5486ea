import type { ReactElement } from 'react'
import type { BackupInfo } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'

/** Whether a backup was checked, what holds it, and which targets have it. */
export function BackupState({ backup }: { readonly backup: BackupInfo }): ReactElement {
  const { metadata, metadataState, pinned, encoding, target, copies } = backup
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
      {pinned !== null && <Badge tone="info">pinned</Badge>}
      {encoding !== 'plain' && <Badge>{encoding}</Badge>}
      {(target === null ? copies : [target]).map(name => (
        <Badge key={name}>at {name}</Badge>
      ))}
    </span>
  )
}

/** Whether its last check found damage. */
function isDamaged({ metadata }: Pick<BackupInfo, 'metadata'>): boolean {
  return metadata?.damaged_at !== undefined
}
