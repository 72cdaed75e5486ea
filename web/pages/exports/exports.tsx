import { useMutation } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { deleteExport, exportUrl } from '../../api/calls.ts'
import { useExports } from '../../api/queries.ts'
import { queryClient } from '../../api/query-client.ts'
import type { StoredExport } from '../../api/types.ts'
import { Badge } from '../../parts/badge.tsx'
import { Button, buttonClass } from '../../parts/button.tsx'
import { DataTable } from '../../parts/data-table.tsx'
import { Confirm } from '../../parts/dialog.tsx'
import { PageHeader, Panel } from '../../parts/panel.tsx'
import { Empty, Loaded } from '../../parts/states.tsx'
import { say } from '../../parts/toasts.tsx'
import { useMay } from '../../session/permissions.ts'
import { formatBytes } from '../../words/numbers.ts'
import { formatInstant } from '../../words/times.ts'
import { CreateExport } from './create-export.tsx'
import { SensitiveScan } from './sensitive-scan.tsx'

/** Readable copies of the data, and which columns they leave out. */
export function Exports({ database }: { readonly database: string }): ReactElement {
  const mayExport = useMay('export-data')
  const mayScan = useMay('scan-sensitive')
  const query = useExports(database)
  return (
    <>
      <PageHeader
        title="Exports"
        about={`Readable copies of the data of ${database}. Passwords, tokens and the like are left out unless an admin says otherwise.`}
      />
      <div className="grid items-start gap-5 lg:grid-cols-2">
        {mayExport && <CreateExport database={database} />}
        {mayScan && <SensitiveScan database={database} />}
        <Panel title="Stored exports" flush className="lg:col-span-2">
          <Loaded query={query} what="exports">
            {exports =>
              exports.length === 0 ? (
                <Empty title="There are no exports">
                  They stand in the directory exports beside the backups.
                </Empty>
              ) : (
                <ExportTable database={database} exports={exports} />
              )
            }
          </Loaded>
        </Panel>
      </div>
    </>
  )
}

function ExportTable({
  database,
  exports,
}: {
  readonly database: string
  readonly exports: readonly StoredExport[]
}): ReactElement {
  const [leaving, setLeaving] = useState<string | null>(null)
  const mayDownload = useMay('export-data')
  const maySeeSensitive = useMay('see-sensitive')
  const mayDelete = useMay('delete-export')
  return (
    <>
      <DataTable
        caption={`Exports of ${database}`}
        rows={exports}
        keyOf={({ name }) => name}
        columns={[
          {
            key: 'name',
            header: 'Name',
            part: 'lead',
            cell: ({ name }) => <span className="break-all">{name}</span>,
          },
          { key: 'created', header: 'Created', cell: ({ created }) => formatInstant(created) },
          { key: 'format', header: 'Format', cell: ({ format }) => format },
          { key: 'size', header: 'Size', numeric: true, cell: ({ sizeBytes }) => formatBytes(sizeBytes) },
          {
            key: 'sensitive',
            header: 'Sensitive',
            cell: ({ sensitive }) =>
              sensitive ? <Badge tone="warn">may hold secrets</Badge> : <Badge tone="good">left out</Badge>,
          },
          {
            key: 'actions',
            header: 'Actions',
            part: 'actions',
            cell: ({ name, sensitive }) => (
              <span className="flex gap-2">
                {mayDownload && (!sensitive || maySeeSensitive) && (
                  <a
                    className={buttonClass()}
                    href={exportUrl(database, name)}
                    download={name}
                    aria-label={`Download ${name}`}
                  >
                    Download
                  </a>
                )}
                {mayDelete && (
                  <Button
                    look="quiet"
                    className="text-bad"
                    aria-label={`Delete ${name}`}
                    onClick={() => setLeaving(name)}
                  >
                    Delete
                  </Button>
                )}
              </span>
            ),
          },
        ]}
      />
      {leaving !== null && (
        <DeleteExport database={database} name={leaving} onClose={() => setLeaving(null)} />
      )}
    </>
  )
}

function DeleteExport({
  database,
  name,
  onClose,
}: {
  readonly database: string
  readonly name: string
  readonly onClose: () => void
}): ReactElement {
  const deleting = useMutation({
    mutationFn: async () => deleteExport(database, name),
    onSuccess: () => {
      say('The export is deleted')
      void queryClient.invalidateQueries({ queryKey: ['db', database, 'exports'] })
      onClose()
    },
  })
  return (
    <Confirm
      open
      onClose={onClose}
      title="Delete this export?"
      action="Delete"
      isBusy={deleting.isPending}
      error={deleting.error}
      onConfirm={() => deleting.mutate()}
    >
      <p className="break-all">{name}</p>
    </Confirm>
  )
}
