import type { BackupsCompared, ComparedRow } from '../../api/types.ts'

/** What a comparison is asked: the server takes the live database only as what is come from. */
export interface Asked {
  readonly from: string | null
  readonly to: string
  /** Whether the answer has to be read backwards. */
  readonly isTurned: boolean
}

/** How to ask for what it takes to come from `from` to `to`; null is the live database, which only one may be. */
export function ask(from: string | null, to: string | null): Asked {
  if (to !== null) return { from, to, isTurned: false }
  if (from === null) throw new Error('one side of a comparison is a backup')
  return { from: null, to: from, isTurned: true }
}

type Change = ComparedRow['change']

const OPPOSITE = { added: 'removed', removed: 'added', changed: 'changed' } as const

/** The same comparison, read in the other direction. */
export function turn(compared: BackupsCompared): BackupsCompared {
  return {
    ...compared,
    from: compared.to,
    to: compared.from,
    tables: compared.tables.map(table => ({
      ...table,
      status: table.status === 'added' || table.status === 'removed' ? OPPOSITE[table.status] : table.status,
      added: table.removed,
      removed: table.added,
      columns: { ...table.columns, added: table.columns.removed, removed: table.columns.added },
    })),
    objects: compared.objects.map(object => ({ ...object, change: opposite(object.change) })),
    rows:
      compared.rows === null
        ? null
        : {
            ...compared.rows,
            rows: compared.rows.rows.map(row => ({
              ...row,
              change: opposite(row.change),
              before: row.after,
              after: row.before,
            })),
          },
  }
}

function opposite(change: Change): Change {
  return OPPOSITE[change]
}
