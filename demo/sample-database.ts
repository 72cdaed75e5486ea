/** Makes `chame.db`: what a chat application with a small internal economy could hold. */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { Random } from './random.ts'
import { apiToken, messageBody, passwordHash, personName } from './sample-text.ts'

export interface SampleOptions {
  /** 1 (default) gives about 59,000 rows in 23 MB; size and rows grow in proportion. */
  readonly scale?: number
  /** The same seed gives the same content. */
  readonly seed?: string
  /** Default `wal`. */
  readonly journalMode?: 'wal' | 'delete'
}

const SCHEMA = `
  CREATE TABLE users (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email TEXT NOT NULL UNIQUE, password_hash TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('admin', 'member')), created_at TEXT NOT NULL
  );
  CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL, token TEXT NOT NULL UNIQUE, last_used_at TEXT
  );
  CREATE TABLE rooms (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, message_count INTEGER NOT NULL DEFAULT 0);
  CREATE TABLE members (
    room_id INTEGER NOT NULL REFERENCES rooms (id), user_id INTEGER NOT NULL REFERENCES users (id),
    PRIMARY KEY (room_id, user_id)
  ) WITHOUT ROWID;
  CREATE TABLE messages (
    id INTEGER PRIMARY KEY, room_id INTEGER NOT NULL REFERENCES rooms (id),
    user_id INTEGER NOT NULL REFERENCES users (id), body TEXT NOT NULL, sent_at INTEGER NOT NULL
  );
  CREATE INDEX messages_by_room ON messages (room_id, sent_at);
  CREATE VIRTUAL TABLE messages_fts USING fts5 (body, content = 'messages', content_rowid = 'id');
  CREATE TABLE attachments (
    id INTEGER PRIMARY KEY, message_id INTEGER NOT NULL REFERENCES messages (id), filename TEXT NOT NULL,
    content BLOB NOT NULL, size INTEGER GENERATED ALWAYS AS (length(content)) VIRTUAL
  );
  CREATE TABLE accounts (user_id INTEGER PRIMARY KEY REFERENCES users (id), balance INTEGER NOT NULL) STRICT;
  CREATE TABLE transfers (
    id INTEGER PRIMARY KEY, from_user INTEGER NOT NULL REFERENCES accounts (user_id),
    to_user INTEGER NOT NULL REFERENCES accounts (user_id), amount INTEGER NOT NULL CHECK (amount > 0)
  ) STRICT;
  CREATE TABLE counters (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
  INSERT INTO counters VALUES ('commits', 0);

  CREATE TRIGGER messages_inserted AFTER INSERT ON messages BEGIN
    INSERT INTO messages_fts (rowid, body) VALUES (new.id, new.body);
    UPDATE rooms SET message_count = message_count + 1 WHERE id = new.room_id;
  END;
  CREATE TRIGGER messages_deleted AFTER DELETE ON messages BEGIN
    INSERT INTO messages_fts (messages_fts, rowid, body) VALUES ('delete', old.id, old.body);
    UPDATE rooms SET message_count = message_count - 1 WHERE id = old.room_id;
  END;
  CREATE TRIGGER transfers_inserted AFTER INSERT ON transfers BEGIN
    UPDATE accounts SET balance = balance - new.amount WHERE user_id = new.from_user;
    UPDATE accounts SET balance = balance + new.amount WHERE user_id = new.to_user;
  END;
  PRAGMA user_version = 7;
`

/** Seconds since 1970 of the first message: 2025-01-01. */
const FIRST_MESSAGE_AT = 1_735_689_600

/** Makes a new database at `path`, where nothing may be. */
export function makeSampleDatabase(path: string, options: SampleOptions = {}): void {
  const { scale = 1, seed = 'chame', journalMode = 'wal' } = options
  const database = new DatabaseSync(path)
  try {
    database.exec(
      `PRAGMA journal_mode = ${journalMode}; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;`,
    )
    database.exec('BEGIN')
    database.exec(SCHEMA)
    const filler = new Filler(database, new Random(seed))
    const userCount = Math.max(3, Math.round(2_000 * scale))
    const roomCount = Math.max(2, Math.round(40 * Math.sqrt(scale)))
    filler.users(userCount)
    filler.rooms(roomCount, userCount)
    filler.messages(Math.round(30_000 * scale), roomCount, userCount)
    filler.transfers(Math.round(12_000 * scale), userCount)
    database.exec('COMMIT')
    database.exec('PRAGMA synchronous = FULL')
    if (journalMode === 'wal') database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } finally {
    database.close()
  }
}

class Filler {
  readonly #database: DatabaseSync
  readonly #random: Random

  constructor(database: DatabaseSync, random: Random) {
    this.#database = database
    this.#random = random
  }

  users(count: number): void {
    const random = this.#random
    const user = this.#insert('users (name, email, password_hash, role, created_at)', 5)
    const token = this.#insert('api_tokens (user_id, name, token)', 3)
    const account = this.#insert('accounts (user_id, balance)', 2)
    for (let id = 1; id <= count; id++) {
      const name = personName(random)
      const email = `${name.toLowerCase().replace(' ', '.')}.${id}@example.com`
      const created = new Date((FIRST_MESSAGE_AT - random.below(30_000_000)) * 1000).toISOString()
      user.run(name, email, passwordHash(random), id === 1 ? 'admin' : 'member', created)
      if (random.below(5) < 3) token.run(id, random.pick(['phone', 'laptop', 'bot']), apiToken(random))
      account.run(id, 0)
    }
  }

  rooms(count: number, userCount: number): void {
    const room = this.#insert('rooms (name)', 1)
    const member = this.#insert('members (room_id, user_id)', 2, 'OR IGNORE')
    for (let id = 1; id <= count; id++) {
      room.run(`room-${id}`)
      const members = Math.ceil((6 * userCount) / count)
      for (let i = 0; i < members; i++) member.run(id, this.#random.below(userCount) + 1)
    }
  }

  messages(count: number, roomCount: number, userCount: number): void {
    const random = this.#random
    const message = this.#insert('messages (room_id, user_id, body, sent_at)', 4)
    const attachment = this.#insert('attachments (message_id, filename, content)', 3)
    for (let id = 1; id <= count; id++) {
      const [room, user] = [random.skewed(roomCount) + 1, random.skewed(userCount) + 1]
      message.run(room, user, messageBody(random), FIRST_MESSAGE_AT + id * 20)
      if (random.below(60) === 0) {
        attachment.run(id, `photo-${id}.jpg`, random.bytes(random.between(2_000, 50_000)))
      }
    }
  }

  transfers(count: number, userCount: number): void {
    const transfer = this.#insert('transfers (from_user, to_user, amount)', 3)
    for (let i = 0; i < count; i++) {
      const from = this.#random.below(userCount)
      const to = (from + 1 + this.#random.below(userCount - 1)) % userCount
      transfer.run(from + 1, to + 1, this.#random.between(1, 5_000))
    }
  }

  #insert(into: string, values: number, or = ''): StatementSync {
    const marks = Array.from({ length: values }, () => '?').join(', ')
    return this.#database.prepare(`INSERT ${or} INTO ${into} VALUES (${marks})`)
  }
}
