import type { ReactElement } from 'react'
import type { JobResults } from '../../api/types.ts'
import { Facts, Panel } from '../../parts/panel.tsx'
import { formatBytes } from '../../words/numbers.ts'
import { formatInstant } from '../../words/times.ts'

const TARGETS = {
  missing: 'missing: the backup is put in its place',
  database: 'there and readable',
  unreadable: 'there, but SQLite cannot read it: its files are kept aside',
}

const WAYS = {
  transaction: 'as one transaction, which open connections see; a crash rolls it back',
  replace: 'by putting a new file in its place',
}

/** Others are refused. */
const SIGNATURES = {
  valid: 'by a key that is trusted here',
  missing: 'none; it is restored all the same, as you have said',
  'unknown-key': 'by a key that is not trusted here',
  wrong: 'of another backup',
} as const

/** What a restore would do, as the server planned it. */
export function Plan({ plan }: { readonly plan: JobResults['restore-plan'] }): ReactElement {
  const { signature } = plan.backup
  return (
    <Panel title="What will happen">
      <Facts
        facts={[
          ['Backup', 'verified just now, and intact'],
          ...(signature === null ? [] : [['Signature', SIGNATURES[signature]] as const]),
          ['Database', `${plan.targetPath} (${formatBytes(plan.targetSizeBytes)})`],
          ['It is', TARGETS[plan.target]],
          [
            'First',
            plan.preRestoreBackup
              ? 'what is there now is backed up, as a backup of type pre_restore: the way back'
              : 'nothing is there that could be backed up',
          ],
          ['Then', `it is restored ${WAYS[plan.way]}`],
          ['Free space needed', formatBytes(plan.neededBytes)],
          ['This plan holds until', formatInstant(plan.expiresAt)],
        ]}
      />
    </Panel>
  )
}
