import type { Command } from 'commander'
import type { StoredExport } from '../index.ts'
import { defineCommand, examples } from './define-command.ts'
import { outWidth, paintOut } from './output.ts'
import { inSession, type Session } from './session.ts'
import { type Column, renderTable } from './table.ts'
import { bytes } from './units.ts'

interface ExportsOptions {
  readonly delete?: string
}

export function exportsCommand(): Command {
  return defineCommand('exports', 'List the exports in the backup directory, or delete one.')
    .option('--delete <name>', 'delete this one for good')
    .addHelpText(
      'after',
      examples([
        ['exports', 'the files that `export` has made there'],
        ['exports --delete chame_export_20250627_143022.json', 'delete that one'],
      ]),
    )
    .action((options: ExportsOptions, command: Command) =>
      inSession(command, session => act(session, options)),
    )
}

async function act(session: Session, options: ExportsOptions): Promise<number> {
  const { administration } = session
  if (options.delete !== undefined) {
    return session.show(await administration.deleteExport(options.delete), ({ export: gone }) =>
      session.options.quiet ? '' : `${paintOut('green', '✔ Deleted:')} ${gone.name}`,
    )
  }
  return session.show(await administration.listExports(), ({ exports }) =>
    session.options.quiet ? exports.map(({ name }) => name).join('\n') : render(exports),
  )
}

function render(exports: readonly StoredExport[]): string {
  if (exports.length === 0) return 'There are no exports in the backup directory.'
  const columns: readonly Column<StoredExport>[] = [
    { title: 'Name', value: ({ name }) => name, shrinkTo: 20 },
    { title: 'Made', value: ({ created }) => created.slice(0, 16).replace('T', ' ') },
    { title: 'Size', value: ({ sizeBytes }) => bytes(sizeBytes), align: 'right' },
    { title: 'Sensitive', value: ({ sensitive }) => (sensitive ? 'yes' : 'no'), drop: 1 },
  ]
  return renderTable(columns, exports, { width: outWidth(), paintTitle: text => paintOut('bold', text) })
}
