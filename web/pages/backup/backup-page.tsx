import { type ReactElement, useState } from 'react'
import { nameOf } from '../../api/backup-name.ts'
import { contentUrl, databaseContentUrl } from '../../api/calls.ts'
import { useBackup } from '../../api/queries.ts'
import type { BackupInfo } from '../../api/types.ts'
import { Button, ButtonLink, buttonClass } from '../../parts/button.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { Facts, PageHeader, Panel } from '../../parts/panel.tsx'
import { Empty, Loaded, Notice } from '../../parts/states.tsx'
import { goTo, Link } from '../../routing/router.tsx'
import { useMay } from '../../session/permissions.ts'
import { formatBytes, formatCount } from '../../words/numbers.ts'
import { formatInstant, formatSpan } from '../../words/times.ts'
import { BackupState } from './backup-state.tsx'
import { copiesInWords } from './backup-words.ts'
import { DeleteBackup } from './delete-backup.tsx'
import { DrillBackup } from './drill-backup.tsx'
import { PinBackup } from './pin-backup.tsx'
import { VerificationHistory } from './verification-history.tsx'
import { VerifyBackup } from './verify-backup.tsx'

/** All that is known of one backup. */
export function BackupPage({
  database,
  name,
}: {
  readonly database: string
  readonly name: string
}): ReactElement {
  const query = useBackup(database, name)
  return (
    <>
      <p className="mb-3 text-sm">
        <Link to={{ page: 'backups', database }} className="text-accent hover:underline">
          ← Backups of {database}
        </Link>
      </p>
      <Loaded query={query} what="the backup">
        {backup => <Details database={database} backup={backup} />}
      </Loaded>
    </>
  )
}

function Details({
  database,
  backup,
}: {
  readonly database: string
  readonly backup: BackupInfo
}): ReactElement {
  return (
    <>
      <PageHeader
        title={<span className="break-all">{backup.filename}</span>}
        about={
          <>
            {formatInstant(backup.created)} <BackupState backup={backup} />
          </>
        }
        actions={<Actions database={database} backup={backup} />}
      />
      <div className="grid gap-5">
        {backup.metadataProblem !== null && <Notice tone="warn">{backup.metadataProblem}</Notice>}
        {backup.pinned !== null && (
          <Notice tone="info">
            Pinned by {backup.pinned.by} on {formatInstant(backup.pinned.at)}: “{backup.pinned.reason}”.
            Nothing deletes it.
          </Notice>
        )}
        <div className="grid items-start gap-5 lg:grid-cols-2">
          <MetadataPanel backup={backup} />
          <div className="grid gap-5">
            <VerificationHistory backup={backup} database={database} />
            <TablesPanel database={database} backup={backup} />
          </div>
        </div>
      </div>
    </>
  )
}

function Actions({
  database,
  backup,
}: {
  readonly database: string
  readonly backup: BackupInfo
}): ReactElement {
  const [asked, setAsked] = useState<'verify' | 'drill' | 'pin' | 'delete' | null>(null)
  const mayCompare = useMay('compare-backups')
  const mayVerify = useMay('verify-backup')
  const mayDrill = useMay('drill-backup')
  const mayDownload = useMay('download-backup')
  const mayRestore = useMay('restore-backup')
  const mayDelete = useMay('delete-backup')
  const mayPin = useMay(backup.pinned === null ? 'pin-backup' : 'unpin-backup')
  const { filename } = backup
  const name = nameOf(backup)
  const close = (): void => setAsked(null)
  return (
    <>
      {mayRestore && (
        <ButtonLink look="primary" to={{ page: 'restore', database, backup: name }}>
          Restore
        </ButtonLink>
      )}
      <ButtonLink to={{ page: 'look', database, backup: name, table: null }}>Look inside</ButtonLink>
      {mayCompare && (
        <ButtonLink to={{ page: 'compare', database, left: name, right: 'live' }}>Compare</ButtonLink>
      )}
      {mayVerify && <Button onClick={() => setAsked('verify')}>Verify</Button>}
      {mayDrill && <Button onClick={() => setAsked('drill')}>Drill</Button>}
      {mayDownload && (
        <a className={buttonClass()} href={contentUrl(database, name)} download={filename}>
          Download
        </a>
      )}
      {mayDownload && backup.encoding !== 'plain' && (
        // In a tab of its own, which says why where it cannot be unpacked, and is gone where it can.
        <a
          className={buttonClass()}
          href={databaseContentUrl(database, name)}
          target="_blank"
          rel="noreferrer"
          title={`As a plain SQLite file, out of ${backup.encoding}`}
        >
          Download database
        </a>
      )}
      {mayPin && <Button onClick={() => setAsked('pin')}>{backup.pinned === null ? 'Pin' : 'Unpin'}</Button>}
      {mayDelete && (
        <Button look="quiet" className="text-bad" onClick={() => setAsked('delete')}>
          Delete
        </Button>
      )}
      {asked === 'verify' && <VerifyBackup database={database} backup={backup} onClose={close} />}
      {asked === 'drill' && <DrillBackup database={database} backup={backup} onClose={close} />}
      {asked === 'pin' && <PinBackup database={database} backup={backup} onClose={close} />}
      {asked === 'delete' && (
        <DeleteBackup
          database={database}
          backup={backup}
          onClose={close}
          onDeleted={() => goTo({ page: 'backups', database }, { replace: true })}
        />
      )}
    </>
  )
}

function MetadataPanel({ backup }: { readonly backup: BackupInfo }): ReactElement {
  const { metadata } = backup
  const more: readonly (readonly [string, string | null | undefined])[] = [
    ['Type', backup.type],
    ['Description', backup.description],
    ['Created by', backup.createdBy],
    ['Local time', metadata?.timestamp.replace('T', ' ')],
    ['Stored size', formatBytes(backup.size)],
    ['Database size', metadata?.image_size === undefined ? null : formatBytes(metadata.image_size)],
    ['Encoding', backup.encoding],
    ['Made in', metadata?.duration_ms === undefined ? null : formatSpan(metadata.duration_ms)],
    ['Database version', backup.databaseVersion],
    ['SQLite', metadata?.sqlite_version],
    ['Journal mode', metadata?.journal_mode],
    ['Page size', metadata?.page_size === undefined ? null : `${formatCount(metadata.page_size)} bytes`],
    ['Stored at', backup.path],
    ['Copies', copiesInWords(backup)],
  ]
  return (
    <Panel title="Metadata">
      <Facts
        facts={[
          ...more
            .filter(
              (fact): fact is readonly [string, string] => typeof fact[1] === 'string' && fact[1] !== '',
            )
            .map(([name, value]) => [name, value] as const),
          ['SHA-256', <Checksum key="checksum" checksum={backup.checksum} />] as const,
        ]}
      />
    </Panel>
  )
}

function Checksum({ checksum }: { readonly checksum: string | null }): ReactElement {
  if (checksum === null) return <span className="text-muted">None was recorded.</span>
  return <code className="text-xs break-all">{checksum}</code>
}

function TablesPanel({
  database,
  backup,
}: {
  readonly database: string
  readonly backup: BackupInfo
}): ReactElement {
  const tables = Object.entries(backup.metadata?.tables ?? {})
  return (
    <Panel title="Tables" flush>
      {tables.length === 0 ? (
        <Empty title="No row counts were recorded">
          <Link
            to={{ page: 'look', database, backup: nameOf(backup), table: null }}
            className="text-accent underline"
          >
            Look inside
          </Link>
        </Empty>
      ) : (
        <DataTable
          caption="Tables and their rows"
          rows={tables}
          keyOf={([name]) => name}
          columns={[
            {
              key: 'name',
              header: 'Table',
              part: 'lead',
              cell: ([name]) => (
                <Link
                  to={{ page: 'look', database, backup: nameOf(backup), table: name }}
                  className="break-all text-accent hover:underline"
                >
                  {name}
                </Link>
              ),
            },
            { key: 'rows', header: 'Rows', numeric: true, cell: ([, rows]) => formatCount(rows) },
          ]}
        />
      )}
    </Panel>
  )
}
