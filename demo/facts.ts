/** What the demo knows of a `chame.db`: enough to tell whether it is whole, and whether two are the same. */
import { createHash } from 'node:crypto'
import { DatabaseSync } from 'node:sqlite'
import { pathToFileURL } from 'node:url'

const TABLES = ['users', 'api_tokens', 'rooms', 'members', 'messages', 'attachments', 'accounts', 'transfers']

export interface Facts {
  /** How many commits the writer had made. */
  readonly commits: number
  readonly rows: Readonly<Record<string, number>>
  readonly totalRows: number
  /** Hits of a full-text search. */
  readonly searchHits: number
  /** SHA-256 over every user, password hash, token and balance, and over messages and blobs. */
  readonly fingerprint: string
  /** Rules between tables that are broken: none in any committed state. */
  readonly brokenRules: readonly string[]
}

/** Each selects rows that break the rule. */
const RULES: Readonly<Record<string, string>> = {
  'money is only moved: all balances add up to 0':
    'SELECT 1 FROM (SELECT sum(balance) AS total FROM accounts) WHERE total <> 0',
  'every balance is the sum of its transfers': `
    SELECT 1 FROM accounts LEFT JOIN (
      SELECT user_id, sum(amount) AS moved FROM (
        SELECT to_user AS user_id, amount FROM transfers UNION ALL SELECT from_user, -amount FROM transfers
      ) GROUP BY user_id
    ) USING (user_id) WHERE balance <> coalesce(moved, 0)`,
  'every room counts its messages': `
    SELECT 1 FROM rooms LEFT JOIN (SELECT room_id AS id, count(*) AS n FROM messages GROUP BY room_id) USING (id)
    WHERE message_count <> coalesce(n, 0)`,
  'every reference points to something': 'SELECT 1 FROM pragma_foreign_key_check',
}

export function readFacts(database: DatabaseSync): Facts {
  const number = (sql: string): number => Number(Object.values(database.prepare(sql).get() ?? {})[0] ?? 0)
  database.exec('BEGIN')
  try {
    const rows = Object.fromEntries(TABLES.map(table => [table, number(`SELECT count(*) FROM ${table}`)]))
    return {
      commits: number(`SELECT value FROM counters WHERE name = 'commits'`),
      rows,
      totalRows: Object.values(rows).reduce((sum, count) => sum + count, 0),
      searchHits: number(`SELECT count(*) FROM messages_fts WHERE messages_fts MATCH 'coffee AND invoice'`),
      fingerprint: fingerprint(database),
      brokenRules: Object.keys(RULES).filter(rule => number(`SELECT count(*) FROM (${RULES[rule]})`) > 0),
    }
  } finally {
    database.exec('ROLLBACK')
  }
}

/** The facts of a stored image. Opened as immutable, so that SQLite writes nothing beside it. */
export function readFactsOfImage(path: string): Facts {
  const database = new DatabaseSync(`${pathToFileURL(path).href}?immutable=1`, { readOnly: true })
  try {
    return readFacts(database)
  } finally {
    database.close()
  }
}

function fingerprint(database: DatabaseSync): string {
  const hash = createHash('sha256')
  const queries = [
    'SELECT id, name, email, password_hash FROM users ORDER BY id',
    'SELECT id, user_id, token FROM api_tokens ORDER BY id',
    'SELECT user_id, balance FROM accounts ORDER BY user_id',
    'SELECT id, room_id, user_id, body FROM messages ORDER BY id',
    'SELECT id, message_id, filename, content FROM attachments ORDER BY id',
  ]
  for (const query of queries) {
    const statement = database.prepare(query)
    statement.setReturnArrays(true)
    for (const row of statement.iterate() as Iterable<unknown>) {
      for (const value of row as (string | number | Uint8Array)[]) {
        hash.update(typeof value === 'number' ? `${value};` : value)
      }
    }
  }
  return hash.digest('hex')
}
