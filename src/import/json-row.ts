import type { JsonCursor } from './json-cursor.ts'
import { Malformed, shown } from './malformed.ts'
import type { SqlValue } from './values.ts'

/** Reads the rows of one table, each an object that has every field once. */
export class RowParser {
  /** How each field begins where the export is as we wrote it. */
  readonly #prefixes: readonly string[]
  readonly #indexes: ReadonlyMap<string, number>
  readonly #count: number

  constructor(fields: readonly string[]) {
    this.#prefixes = fields.map(field => `${JSON.stringify(field)}:`)
    this.#indexes = new Map(fields.map((field, index) => [field, index]))
    this.#count = fields.length
  }

  parse(cursor: JsonCursor): SqlValue[] {
    cursor.expect('{')
    const values: (SqlValue | undefined)[] = Array.from({ length: this.#count })
    let got = 0
    if (!cursor.skip('}')) {
      do {
        const index = this.#field(cursor, got)
        if (values[index] !== undefined) throw new Malformed('a column is there twice')
        values[index] = cursor.value()
        got++
      } while (cursor.skip(','))
      cursor.expect('}')
    }
    if (got < this.#count) {
      const lacking = [...this.#indexes].find(([, index]) => values[index] === undefined)?.[0] ?? ''
      throw new Malformed(`the column ${shown(lacking)} is missing`)
    }
    return values as SqlValue[]
  }

  #field(cursor: JsonCursor, expected: number): number {
    cursor.skipSpace()
    const prefix = this.#prefixes[expected]
    if (prefix !== undefined && cursor.skipText(prefix)) return expected
    const name = cursor.string()
    cursor.expect(':')
    const index = this.#indexes.get(name)
    if (index === undefined) throw new Malformed(`the table has no column ${shown(name)}`)
    return index
  }
}
