/** Names of the files and directories of an export. */
import type { LocalTime } from '../catalog/names.ts'

/** The file of a directory export that is no table's. */
export const SCHEMA_FILE = 'schema.json'

/** Bytes before the extension: with it, and with what a program adds for a moment, within the 143 that eCryptfs allows. */
const STEM_BYTES_MAX = 100
/** Letters, marks and digits of every script, and what no shell, file system or web server reads a meaning into. */
const SAFE = /^[\p{L}\p{M}\p{Nd}_ .,+=@()[\]{}-]$/u
/** Devices on Windows, also with an extension: `con.csv` is the console. */
const RESERVED = /^(?:con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)$/i
/** Names the suffix that sets names apart; written `%7E` elsewhere, so that no name is like one with a suffix. */
const MARK = '~'

/**
 * The file name of each table, in the order of `tables`: its own name where that is safe on every file system, and
 * otherwise with the bytes of what is not written as `%XX`. Two of them never differ only in case or in the Unicode
 * form: the later one gets `~2`. Never the schema file's name, also compressed.
 *
 * @param extension with its dot, such as ".csv" or ".csv.zst".
 */
export function tableFileNames(tables: readonly string[], extension: string): string[] {
  const taken = new Set(['', '.gz', '.zst'].map(suffix => fold(SCHEMA_FILE + suffix)))
  return tables.map(table => {
    const characters = encode(table)
    for (let count = 1; ; count++) {
      const suffix = count === 1 ? '' : `${MARK}${count}`
      const name = shorten(characters, STEM_BYTES_MAX - suffix.length) + suffix + extension
      const key = fold(name)
      if (taken.has(key)) continue
      taken.add(key)
      return name
    }
  })
}

export interface ExportNameOptions {
  readonly isSensitive: boolean
  /** 1 has no number; a second one in the same second gets `_2`. */
  readonly attempt: number
  /** What stands behind: ".json", ".ndjson.zst", or nothing for a directory. */
  readonly suffix: string
}

/** `<database>_export_<YYYYMMDD>_<HHMMSS>[_sensitive][_n]<suffix>` */
export function exportName(database: string, time: LocalTime, options: ExportNameOptions): string {
  const sensitive = options.isSensitive ? '_sensitive' : ''
  const count = options.attempt === 1 ? '' : `_${options.attempt}`
  return `${database}_export_${time.compact}${sensitive}${count}${options.suffix}`
}

/** The safe form of each character of `name`. */
function encode(name: string): string[] {
  if (name === '') return ['_']
  // What a file system may rewrite to NFC would no longer be found under its name.
  const isStable = name.isWellFormed() && name.normalize('NFC') === name
  const characters = Array.from(name)
  const encoded = characters.map((character, i) => {
    const isEdge =
      i === 0 ? /[-. =+@]/.test(character) : i === characters.length - 1 && /[. ]/.test(character)
    const isSafe = SAFE.test(character) && !isEdge && (isStable || character < '\x80')
    return isSafe ? character : percent(character)
  })
  const stem = encoded.join('').split('.')[0]?.trim() ?? ''
  return RESERVED.test(stem) ? [percent(characters[0] ?? ''), ...encoded.slice(1)] : encoded
}

/** As many of `characters` as fit into `bytesMax`, without a dot or space at the end. */
function shorten(characters: readonly string[], bytesMax: number): string {
  let bytes = 0
  const fitting = characters.findIndex(character => (bytes += Buffer.byteLength(character)) > bytesMax)
  const kept = fitting === -1 ? characters : characters.slice(0, fitting)
  return kept.join('').replace(/[. ]+$/, '')
}

/** The UTF-8 bytes of a character as `%XX`; half of a surrogate pair as the three bytes it would be. */
function percent(character: string): string {
  const code = character.codePointAt(0) ?? 0
  const bytes = character.isWellFormed()
    ? [...Buffer.from(character)]
    : [0xe0 | (code >> 12), 0x80 | ((code >> 6) & 0x3f), 0x80 | (code & 0x3f)]
  return bytes.map(byte => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
}

/** The same for names that some file system takes for one: by case, by Unicode form. */
function fold(name: string): string {
  return name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC')
}
