/**
 * What SQL from an export may do while it is run: make objects and insert rows in the new database, nothing else.
 * SQLite asks before it compiles each statement, whatever the statement looks like.
 */
import { constants, type DatabaseSync } from 'node:sqlite'

/** `own`: a statement of ours; `create`: one that makes an object; `insert`: one that adds rows. */
type Guarded = 'own' | 'create' | 'insert'

const {
  SQLITE_OK,
  SQLITE_DENY,
  SQLITE_CREATE_TABLE,
  SQLITE_CREATE_INDEX,
  SQLITE_CREATE_VIEW,
  SQLITE_CREATE_TRIGGER,
  SQLITE_INSERT,
  SQLITE_UPDATE,
  SQLITE_READ,
  SQLITE_REINDEX,
  SQLITE_FUNCTION,
  SQLITE_SELECT,
} = constants

/** An index is filled by what SQLite calls reindexing. The updates are of the schema only. */
const CREATING: ReadonlySet<number> = new Set([
  SQLITE_CREATE_TABLE,
  SQLITE_CREATE_INDEX,
  SQLITE_CREATE_VIEW,
  SQLITE_CREATE_TRIGGER,
  SQLITE_INSERT,
  SQLITE_UPDATE,
  SQLITE_READ,
  SQLITE_REINDEX,
  SQLITE_FUNCTION,
])
/** Several rows of values count as a SELECT, but one that reads nothing. */
const INSERTING: ReadonlySet<number> = new Set([SQLITE_INSERT, SQLITE_FUNCTION, SQLITE_SELECT])
const SCHEMA_TABLE = 'sqlite_master'
/** Functions that reach beyond the database. */
const FORBIDDEN: ReadonlySet<string> = new Set([
  'load_extension',
  'fts3_tokenizer',
  'readfile',
  'writefile',
  'edit',
])
/** Values as large as one likes, out of a few bytes of the file. */
const SWELLING: ReadonlySet<string> = new Set(['zeroblob', 'randomblob', 'printf', 'format'])

export class Guard {
  #guarded: Guarded = 'own'

  constructor(connection: DatabaseSync) {
    connection.setAuthorizer((action, first, second) =>
      isAllowed(this.#guarded, action, [first, second]) ? SQLITE_OK : SQLITE_DENY,
    )
  }

  /** Does `work`, whose SQL may do no more than `guarded` says. */
  with<T>(guarded: Guarded, work: () => T): T {
    this.#guarded = guarded
    try {
      return work()
    } finally {
      this.#guarded = 'own'
    }
  }
}

type Names = readonly [first: string | null, second: string | null]

function isAllowed(guarded: Guarded, action: number, [first, second]: Names): boolean {
  if (guarded === 'own') return true
  if (!(guarded === 'create' ? CREATING : INSERTING).has(action)) return false
  if (action === SQLITE_FUNCTION) {
    const name = (second ?? '').toLowerCase()
    return !FORBIDDEN.has(name) && (guarded === 'create' || !SWELLING.has(name))
  }
  if (guarded === 'create' && (action === SQLITE_INSERT || action === SQLITE_UPDATE))
    return first === SCHEMA_TABLE
  return guarded === 'create' || action !== SQLITE_INSERT || first !== SCHEMA_TABLE
}
