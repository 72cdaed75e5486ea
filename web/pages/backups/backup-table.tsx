import { type ReactElement, useState } from 'react'
import { nameOf } from '../../api/backup-name.ts'
import { contentUrl } from '../../api/calls.ts'
import type { BackupInfo } from '../../api/types.ts'
import { type Column, DataTable, type Sorting } from '../../parts/data-table.tsx'
import { Menu, type MenuItem } from '../../parts/menu.tsx'
import { goTo, Link } from '../../routing/router.tsx'
import { addressOf } from '../../routing/routes.ts'
import { useMay } from '../../session/permissions.ts'
import { formatBytes } from '../../words/numbers.ts'
import { formatAge, formatInstant } from '../../words/times.ts'
import { useNow } from '../../words/use-now.ts'
import { BackupState } from '../backup/backup-state.tsx'
import { DeleteBackup } from '../backup/delete-backup.tsx'
import { PinBackup } from '../backup/pin-backup.tsx'
import { VerifyBackup } from '../backup/verify-backup.tsx'

type Asked = { readonly what: 'verify' | 'pin' | 'delete'; readonly backup: BackupInfo }

export function BackupTable({
  database,
  backups,
  sorting,
  onSort,
}: {
  readonly database: string
  readonly backups: readonly BackupInfo[]
  readonly sorting: Sorting
  readonly onSort: (sorting: Sorting) => void
}): ReactElement {
  const [asked, setAsked] = useState<Asked | null>(null)
  const itemsOf = useItems(database, setAsked)
  const close = (): void => setAsked(null)
  const columns: readonly Column<BackupInfo>[] = [
    {
      key: 'created',
      header: 'Created',
      part: 'lead',
      sortable: true,
      cell: backup => <Created database={database} backup={backup} />,
    },
    { key: 'type', header: 'Type', sortable: true, cell: ({ type }) => type },
    {
      key: 'description',
      header: 'Description',
      cell: ({ description, createdBy }) => (
        <>
          <span className="line-clamp-2">
            {description === '' || description === null ? '–' : description}
          </span>
          {createdBy !== null && <span className="block text-xs text-muted">by {createdBy}</span>}
        </>
      ),
    },
    { key: 'size', header: 'Size', numeric: true, sortable: true, cell: ({ size }) => formatBytes(size) },
    { key: 'state', header: 'State', cell: backup => <BackupState backup={backup} /> },
    {
      key: 'actions',
      header: 'Actions',
      part: 'menu',
      cell: backup => <Menu label={`Actions for ${backup.filename}`} items={itemsOf(backup)} />,
    },
  ]
  return (
    <>
      <DataTable
        caption={`Backups of ${database}`}
        columns={columns}
        rows={backups}
        keyOf={({ path }) => path}
        sorting={sorting}
        onSort={onSort}
      />
      {asked?.what === 'verify' && <VerifyBackup database={database} backup={asked.backup} onClose={close} />}
      {asked?.what === 'pin' && <PinBackup database={database} backup={asked.backup} onClose={close} />}
      {asked?.what === 'delete' && <DeleteBackup database={database} backup={asked.backup} onClose={close} />}
    </>
  )
}

function Created({
  database,
  backup,
}: {
  readonly database: string
  readonly backup: BackupInfo
}): ReactElement {
  const now = useNow()
  return (
    <>
      <Link
        to={{ page: 'backup', database, backup: nameOf(backup) }}
        title={backup.filename}
        className="font-medium whitespace-nowrap text-accent hover:underline"
      >
        {formatInstant(backup.created)}
      </Link>
      <span className="block text-xs font-normal text-muted">{formatAge(backup.created, now)}</span>
    </>
  )
}

/** What may be done with a backup by who is logged in. */
function useItems(
  database: string,
  ask: (asked: Asked) => void,
): (backup: BackupInfo) => readonly MenuItem[] {
  const mayVerify = useMay('verify-backup')
  const mayPin = useMay('pin-backup')
  const mayUnpin = useMay('unpin-backup')
  const mayDelete = useMay('delete-backup')
  const mayDownload = useMay('download-backup')
  const mayRestore = useMay('restore-backup')
  return backup => {
    const { pinned } = backup
    const name = nameOf(backup)
    const mayChangePin = pinned === null ? mayPin : mayUnpin
    return [
      { label: 'Details', onSelect: () => goTo({ page: 'backup', database, backup: name }) },
      {
        label: 'Look inside',
        onSelect: () => goTo({ page: 'look', database, backup: name, table: null }),
      },
      ...(mayVerify ? [{ label: 'Verify', onSelect: () => ask({ what: 'verify', backup }) }] : []),
      ...(mayRestore
        ? [{ label: 'Restore', href: addressOf({ page: 'restore', database, backup: name }) }]
        : []),
      ...(mayDownload ? [{ label: 'Download', href: contentUrl(database, name), download: true }] : []),
      ...(mayChangePin
        ? [{ label: pinned === null ? 'Pin' : 'Unpin', onSelect: () => ask({ what: 'pin', backup }) }]
        : []),
      ...(mayDelete
        ? [{ label: 'Delete', isDanger: true, onSelect: () => ask({ what: 'delete', backup }) }]
        : []),
    ]
  }
}
