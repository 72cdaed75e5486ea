/** Reading what can be read of a damaged table: a damaged page costs its own rows, and none comes twice. */
import type { SQLOutputValue, StatementSync } from 'node:sqlite'
import { readByKey } from './salvage-keys.ts'
import { damageOf, type Loss, OUT_OF_ORDER, prepare, type SalvageOrder, wantedSql } from './salvage-order.ts'
import { type KeyOrder, Sequence } from './salvage-sequence.ts'
import { quoteName } from './sql.ts'

const ROWID_MIN: bigint = -(2n ** 63n)
const ROWID_MAX: bigint = 2n ** 63n - 1n

/**
 * The wanted values of every row that can be read as a whole, each row once: in the order of the rowids; without
 * those in the order of the key up to the damage, and then backwards from the end down to it. What SQLite could
 * not read goes to `onLoss`. Errors of other kinds than SQLite's are thrown.
 */
export function* readSalvageable(
  order: SalvageOrder,
  onLoss: (loss: Loss) => void,
): Generator<readonly SQLOutputValue[]> {
  const { by } = order
  try {
    if (by === null) yield* readByKey(order, onLoss)
    else yield* new RowidReader(order, by, onLoss).read()
  } catch (error) {
    // Nothing can be asked of it at all.
    onLoss({ what: 'all rows', why: damageOf(error) })
  }
}

/** Where reading can go on. */
type Place =
  | { readonly kind: 'row'; readonly rowid: bigint }
  | { readonly kind: 'end' }
  | { readonly kind: 'damage'; readonly why: string }

const BY_NUMBER: KeyOrder<bigint> = { isAfter: (first, second) => second > first, idOf: rowid => rowid }

class RowidReader {
  /** Anew each time: one that failed says so again when it is iterated next. */
  readonly #rows: () => StatementSync
  readonly #row: StatementSync
  readonly #probe: StatementSync
  readonly #losses: LossRanges
  readonly #read = new Sequence(BY_NUMBER)
  /** Where reading goes on: nothing before it is left to read. */
  #from = ROWID_MIN
  #why = ''

  constructor(order: SalvageOrder, by: string, onLoss: (loss: Loss) => void) {
    const { connection, table } = order
    const from = `FROM ${quoteName(table)} NOT INDEXED WHERE ${by}`
    const wanted = `SELECT ${by},${wantedSql(order)}`
    this.#rows = () => prepare(connection, `${wanted} ${from} >= ? ORDER BY ${by}`)
    this.#row = prepare(connection, `${wanted} ${from} = ?`)
    this.#probe = prepare(connection, `SELECT ${by} ${from} >= ? ORDER BY ${by} LIMIT 1`)
    this.#losses = new LossRanges(onLoss)
  }

  *read(): Generator<readonly SQLOutputValue[]> {
    for (;;) {
      if (yield* this.#readOn()) break
      const isOver = yield* this.#passOver()
      if (isOver) break
    }
    this.#losses.end(this.#read.refused)
  }

  /** Reads up to the damage; true where the table ends before any. */
  *#readOn(): Generator<readonly SQLOutputValue[], boolean> {
    let high = this.#from - 1n
    try {
      for (const row of this.#rows().iterate(this.#from)) {
        const [rowid, isWanted, ...values] = row as unknown as [bigint, bigint, ...SQLOutputValue[]]
        const isNew = this.#read.passes(rowid)
        if (isNew && rowid > high) high = rowid
        if (isNew && isWanted === 1n) yield values
        if (this.#read.isLost) {
          this.#why = OUT_OF_ORDER
          this.#from = high + 1n
          return high >= ROWID_MAX
        }
      }
      return true
    } catch (error) {
      this.#why = damageOf(error)
      const { last } = this.#read
      if (last === ROWID_MAX) return true
      if (last !== null && last >= this.#from) this.#from = last + 1n
      return false
    }
  }

  /** Goes on behind the damage; true where nothing is there that can be read. */
  *#passOver(): Generator<readonly SQLOutputValue[], boolean> {
    const place = this.#lookAt(this.#from)
    if (place.kind === 'row') return yield* this.#readOne(place.rowid)
    const next = place.kind === 'end' ? null : this.#findReadable()
    this.#losses.add(this.#from, next === null ? null : next - 1n, this.#why)
    if (next === null || this.#lookAt(next).kind === 'end') return true
    this.#from = next
    return false
  }

  /** The row is there, but perhaps not what it holds. */
  *#readOne(rowid: bigint): Generator<readonly SQLOutputValue[], boolean> {
    if (!this.#read.hasOdd(rowid)) {
      try {
        const row = this.#row.get(rowid) as unknown as [bigint, bigint, ...SQLOutputValue[]] | undefined
        if (row?.[0] !== rowid) this.#losses.add(rowid, rowid, OUT_OF_ORDER)
        else if (this.#read.passes(rowid) && row[1] === 1n) yield row.slice(2) as SQLOutputValue[]
      } catch (error) {
        this.#losses.add(rowid, rowid, damageOf(error))
      }
    }
    this.#from = rowid + 1n
    return rowid === ROWID_MAX
  }

  #lookAt(rowid: bigint): Place {
    try {
      const [found] = (this.#probe.get(rowid) ?? []) as unknown as [bigint?]
      if (found === undefined) return { kind: 'end' }
      return found >= rowid ? { kind: 'row', rowid: found } : { kind: 'damage', why: OUT_OF_ORDER }
    } catch (error) {
      return { kind: 'damage', why: damageOf(error) }
    }
  }

  /** The first rowid behind the damage from which on SQLite can read again, be it that the table ends; null without one. */
  #findReadable(): bigint | null {
    let damaged = this.#from
    for (const place of placesBehind(this.#from)) {
      if (this.#lookAt(place).kind !== 'damage') return this.#firstReadable(damaged, place)
      damaged = place
    }
    return null
  }

  #firstReadable(damaged: bigint, readable: bigint): bigint {
    let [low, high] = [damaged, readable]
    while (high - low > 1n) {
      const middle = low + (high - low) / 2n
      if (this.#lookAt(middle).kind === 'damage') low = middle
      else high = middle
    }
    return high
  }
}

/**
 * Where to look for what can be read behind `from`: close together near it, where the damaged page may end, and near
 * zero, since most rowids are small numbers, and further apart elsewhere. About a thousand places at most.
 */
function* placesBehind(from: bigint): Generator<bigint> {
  for (let place = from; place < ROWID_MAX;) {
    const fromZero = place < 0n ? -place : place
    const distance = place - from < fromZero ? place - from : fromZero
    const next = place + distance / 8n + 1n
    place = next > ROWID_MAX ? ROWID_MAX : next
    yield place
  }
}

/** Joins what is lost side by side, and puts it in words. */
class LossRanges {
  readonly #onLoss: (loss: Loss) => void
  #open: { first: bigint; last: bigint; why: string } | null = null

  constructor(onLoss: (loss: Loss) => void) {
    this.#onLoss = onLoss
  }

  /** @param last null: everything behind `first` */
  add(first: bigint, last: bigint | null, why: string): void {
    if (this.#open !== null && this.#open.last + 1n === first) this.#open.last = last ?? ROWID_MAX
    else {
      this.#close()
      this.#open = { first, last: last ?? ROWID_MAX, why }
    }
  }

  /** @param refused rows that came under rowids of others, or again */
  end(refused: number): void {
    this.#close()
    if (refused > 0)
      this.#onLoss({
        what: `${refused} ${refused === 1 ? 'row' : 'rows'} under rowids that others have`,
        why: OUT_OF_ORDER,
      })
  }

  #close(): void {
    if (this.#open !== null) this.#onLoss({ what: inWords(this.#open), why: this.#open.why })
    this.#open = null
  }
}

function inWords({ first, last }: { readonly first: bigint; readonly last: bigint }): string {
  const shown = (rowid: bigint): string => rowid.toLocaleString('en-US')
  if (first === ROWID_MIN) return last === ROWID_MAX ? 'all rows' : `rowids up to ${shown(last)}`
  if (last === ROWID_MAX) return `rowids from ${shown(first)}`
  return first === last ? `rowid ${shown(first)}` : `rowids ${shown(first)} to ${shown(last)}`
}
