/** Reading a damaged table that has no rowids to go by: from both ends of its key. */
import type { SQLOutputValue, StatementSync } from 'node:sqlite'
import { damageOf, type Loss, OUT_OF_ORDER, prepare, type SalvageOrder, wantedSql } from './salvage-order.ts'
import { Sequence } from './salvage-sequence.ts'
import { quoteName } from './sql.ts'

interface KeyColumn {
  readonly name: string
  readonly isDescending: boolean
  readonly collation: string
}

type Values = readonly SQLOutputValue[]

/** What stands between the damage and the end is read backwards, and only where the table has a key. */
export function* readByKey(order: SalvageOrder, onLoss: (loss: Loss) => void): Generator<Values> {
  const key = keyOf(order)
  const forwards = new KeyReader(order, key, { isBackwards: false })
  yield* forwards.read(null)
  const backwards =
    key.length === 0 || forwards.damage === null ? null : new KeyReader(order, key, { isBackwards: true })
  if (backwards !== null) yield* backwards.read(forwards.sequence)
  if (forwards.damage !== null) {
    const before =
      forwards.rows === 0 ? 'rows' : `rows behind the first ${forwards.rows.toLocaleString('en-US')}`
    const atEnd = backwards?.rows ?? 0
    const but = atEnd === 0 ? '' : ` but the last ${atEnd.toLocaleString('en-US')}`
    onLoss({ what: forwards.rows + atEnd === 0 ? 'all rows' : `${before}${but}`, why: forwards.damage })
  }
  const refused = forwards.sequence.refused + (backwards?.sequence.refused ?? 0)
  if (refused > 0)
    onLoss({
      what: `${refused} ${refused === 1 ? 'row' : 'rows'} under keys that others have`,
      why: OUT_OF_ORDER,
    })
}

class KeyReader {
  readonly #rows: StatementSync
  readonly #keyColumns: number
  /** Whether the second of two keys comes after the first; null where there is none to compare. */
  readonly #isAfter: StatementSync | null
  readonly sequence: Sequence<Values>
  rows = 0
  /** What ended the reading before the table's end. */
  damage: string | null = null

  constructor(
    order: SalvageOrder,
    key: readonly KeyColumn[],
    { isBackwards }: { readonly isBackwards: boolean },
  ) {
    const { connection, table } = order
    const list = [...key.map(({ name }) => quoteName(name)), wantedSql(order)].join(',')
    const by = key.map(
      ({ name, isDescending, collation }) =>
        `${quoteName(name)} COLLATE ${quoteName(collation)} ${isDescending === isBackwards ? 'ASC' : 'DESC'}`,
    )
    const sorted = by.length === 0 ? '' : ` ORDER BY ${by.join(',')}`
    this.#rows = prepare(connection, `SELECT ${list} FROM ${quoteName(table)} NOT INDEXED${sorted}`)
    this.#keyColumns = key.length
    this.#isAfter = key.length === 0 ? null : prepare(connection, `SELECT ${afterSql(key)}`)
    this.sequence = new Sequence({
      isAfter: (first, second) =>
        isBackwards ? this.#comesAfter(second, first) : this.#comesAfter(first, second),
      idOf: shown,
    })
  }

  /** Ends where it comes to what was read from the other side. */
  *read(done: Sequence<Values> | null): Generator<Values> {
    const until = done?.last ?? null
    try {
      for (const row of this.#rows.iterate()) {
        const all = row as unknown as SQLOutputValue[]
        const key = all.slice(0, this.#keyColumns)
        if (until !== null && !this.#comesAfter(until, key)) return
        // Asked first: only so does it notice that it goes round in circles.
        if (this.#keyColumns > 0 && (!this.sequence.passes(key) || done?.hasOdd(key) === true)) {
          if (!this.sequence.isLost) continue
          this.damage = OUT_OF_ORDER
          return
        }
        this.rows++
        if (all[this.#keyColumns] === 1n) yield all.slice(this.#keyColumns + 1)
      }
    } catch (error) {
      this.damage = damageOf(error)
    }
  }

  #comesAfter(first: Values, second: Values): boolean {
    if (this.#isAfter === null) return true
    const [isAfter] = this.#isAfter.get(...first, ...second) as unknown as [bigint | null]
    return isAfter === 1n
  }
}

/** Equal for keys of the same values in the same storage classes. */
function shown(key: Values): string {
  return JSON.stringify(
    key.map(value =>
      value instanceof Uint8Array ? [Buffer.from(value).toString('hex')] : [typeof value, String(value)],
    ),
  )
}

/** In the order of the table, of keys bound one after the other. A value that is bound has no affinity, like one that was read. */
function afterSql(key: readonly KeyColumn[]): string {
  return key.reduceRight((rest, { isDescending, collation }, index) => {
    const first = `?${index + 1}`
    const second = `?${index + 1 + key.length} COLLATE ${quoteName(collation)}`
    const [low, high] = isDescending ? [second, first] : [first, second]
    return `(coalesce(${low} < ${high}, 0) OR (${first} IS ${second} AND ${rest}))`
  }, '0')
}

/**
 * The columns of the table's own key; none where it has rowids, under whatever name, or a collation that only the
 * application has.
 */
function keyOf({ connection, table }: SalvageOrder): KeyColumn[] {
  const indexes = connection.prepare(`PRAGMA index_list(${quoteName(table)})`).all()
  const primary = indexes.find(row => row['origin'] === 'pk')
  if (primary === undefined) return []
  const columns = connection.prepare(`PRAGMA index_xinfo(${quoteName(String(primary['name']))})`).all()
  // Such an index leads to the rowid; the tree of a table without rowids has all other columns in it instead.
  if (columns.some(row => row['cid'] === -1)) return []
  const key = columns
    .filter(row => row['key'] === 1)
    .map(row => ({
      name: String(row['name']),
      isDescending: row['desc'] === 1,
      collation: String(row['coll']),
    }))
  return key.every(({ collation }) => KNOWN_COLLATIONS.has(collation.toUpperCase())) ? key : []
}

const KNOWN_COLLATIONS: ReadonlySet<string> = new Set(['BINARY', 'NOCASE', 'RTRIM'])
