/** A database that has secrets in every place that an export could carry them from. */
import { createHash } from 'node:crypto'
import { DatabaseSync, type SQLInputValue } from 'node:sqlite'
import { PAGE_BYTES } from './damage.ts'
import { card, iban, letters, type Needle, needleOf, SHAPES } from './secrets.ts'

/** Rows of every table, so that each has as many secrets. */
const ROWS = 4

/** The columns that hold them, as `table.column`, by how they are to be found. */
export const BY_CONTENT: readonly string[] = [
  ...Object.keys(SHAPES).map((_, index) => `shapes.c${index}`),
  'documents.body',
  'documents.raw',
  'audit.entry',
  'settings.value',
]
export const BY_NAME: readonly string[] = [
  'accounts.password',
  'accounts.salt',
  'accounts.pin',
  'accounts.card_number',
  'accounts.IBAN',
  'accounts.socialSecurity',
  'accounts.otp-secret',
  'accounts.api key',
  'sessions.session_token',
  'sessions.payload_jwt',
  'events.session_token',
  'keys.private_key',
  'old_sessions.id',
]
/** Names that look nearly so, and hold nothing to hide. */
export const HARMLESS: readonly string[] = [
  'accounts.compass',
  'accounts.tokenizer',
  'accounts.passenger',
  'accounts.author',
  'accounts.description',
  'accounts.password_changed_at',
  'accounts.has_password',
  'accounts.session_count',
  'settings.key',
]

const SCHEMA = `
  CREATE TABLE shapes (id INTEGER PRIMARY KEY, ${Object.keys(SHAPES)
    .map((_, index) => `c${index} TEXT`)
    .join(', ')});

  CREATE TABLE accounts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    login TEXT NOT NULL UNIQUE,
    password TEXT NOT NULL CHECK (length(password) >= 12),
    salt BLOB NOT NULL,
    pin INTEGER NOT NULL CHECK (pin > 0),
    card_number INTEGER UNIQUE,
    "IBAN" TEXT,
    socialSecurity TEXT NOT NULL CHECK (socialSecurity GLOB '[0-9][0-9][0-9]-*'),
    "otp-secret" TEXT NOT NULL DEFAULT 'none',
    "api key" TEXT NOT NULL UNIQUE COLLATE NOCASE,
    compass TEXT, tokenizer TEXT, passenger TEXT, author TEXT, description TEXT,
    password_changed_at TEXT, has_password INTEGER, session_count INTEGER,
    loud TEXT GENERATED ALWAYS AS (upper(password)),
    ending TEXT GENERATED ALWAYS AS (substr("api key", -12)) STORED,
    CHECK (password <> login)
  ) STRICT;

  CREATE TABLE sessions (
    session_token TEXT PRIMARY KEY, account INTEGER NOT NULL REFERENCES accounts(id), payload_jwt TEXT
  ) WITHOUT ROWID;
  CREATE TABLE events (
    id INTEGER PRIMARY KEY, session_token TEXT NOT NULL REFERENCES sessions(session_token) ON DELETE CASCADE, what TEXT,
    UNIQUE (session_token, what)
  );
  CREATE TABLE old_sessions (id BLOB NOT NULL, account INTEGER, UNIQUE (account, id));
  CREATE TABLE keys (private_key TEXT UNIQUE, owner INTEGER);
  CREATE TABLE settings (key TEXT PRIMARY KEY, value);
  CREATE TABLE documents (number INTEGER PRIMARY KEY, title TEXT, body TEXT, raw BLOB);
  CREATE TABLE audit (id INTEGER PRIMARY KEY, entry TEXT);

  CREATE VIRTUAL TABLE accounts_fts USING fts5(login, "api key", content = 'accounts', content_rowid = 'id');
  CREATE VIRTUAL TABLE notes_fts USING fts5(subject, text);
  CREATE VIRTUAL TABLE words_fts USING fts5(words, content = '');
  CREATE VIRTUAL TABLE titles_fts USING fts5(title, content = 'documents', content_rowid = 'number');

  CREATE INDEX accounts_loud ON accounts (lower(password));
  CREATE INDEX accounts_otp ON accounts ("otp-secret");
  CREATE INDEX accounts_author ON accounts (author);
  CREATE UNIQUE INDEX keys_owner ON keys (owner, private_key);

  CREATE VIEW logins AS SELECT login, password FROM accounts;
  CREATE VIEW loginsAgain AS SELECT * FROM logins;
  CREATE VIEW authors AS SELECT author FROM accounts;
  CREATE TRIGGER accounts_audit AFTER UPDATE OF password ON accounts BEGIN
    INSERT INTO audit (entry) VALUES (OLD.password || ' -> ' || NEW.password);
  END;
  CREATE TRIGGER accounts_fed AFTER INSERT ON accounts BEGIN
    INSERT INTO accounts_fts (rowid, login, "api key") VALUES (NEW.id, NEW.login, NEW."api key");
  END;
  CREATE TRIGGER keys_fed AFTER INSERT ON keys BEGIN
    INSERT INTO words_fts (words) VALUES (NEW.private_key);
  END;
`

/** Makes it, in WAL mode; answers every secret in it, to look for. */
export function makeSecretDatabase(path: string): Needle[] {
  const secrets = new Set<string | Uint8Array>()
  const secret = <Value extends string | Uint8Array>(
    value: Value,
    core: string | Uint8Array = value,
  ): Value => {
    secrets.add(core)
    return value
  }
  using connection = new DatabaseSync(path, { defensive: false })
  // Small pages: there are many to damage.
  connection.exec(
    `PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = wal; PRAGMA foreign_keys = on; ${SCHEMA}`,
  )
  const marked = secret(`literal-${letters(20, 77)}`)
  connection.exec(`
    CREATE INDEX accounts_one ON accounts (author) WHERE "api key" = '${marked}';
    CREATE VIEW one AS SELECT author FROM accounts WHERE "api key" = '${marked}';
    CREATE TRIGGER one_kept BEFORE DELETE ON accounts WHEN OLD."api key" = '${marked}' BEGIN SELECT RAISE(IGNORE); END;
  `)
  for (let seed = 1; seed <= ROWS; seed++) {
    insert(connection, 'shapes', {
      id: seed,
      ...Object.fromEntries(
        Object.values(SHAPES).map((shape, index) => {
          const text = shape(seed)
          return [`c${index}`, secret(text, coreOf(text))]
        }),
      ),
    })
    fillAccount(connection, seed, secret)
    fillOthers(connection, seed, secret)
  }
  connection.exec(`UPDATE accounts SET password = password || 'new'; ANALYZE`)
  connection.exec("INSERT INTO titles_fts (titles_fts) VALUES ('rebuild')")
  addSamples(connection, secret(`sample-${letters(20, 78)}`))
  connection.exec('PRAGMA user_version = 3')
  return [...secrets].map(needleOf)
}

type Secret = <Value extends string | Uint8Array>(value: Value, core?: string | Uint8Array) => Value

function fillAccount(connection: DatabaseSync, seed: number, secret: Secret): void {
  const pin = 90_817_263 + seed * 1013
  const cardNumber = card(`51${letters(5, seed, '0123456789')}`, 16)
  secret(String(pin))
  insert(connection, 'accounts', {
    id: seed,
    login: `login${seed}`,
    password: secret(`Hunter-${letters(14, seed + 40)}`),
    salt: secret(createHash('sha256').update(`salt ${seed}`).digest().subarray(0, 16)),
    pin,
    card_number: BigInt(secret(cardNumber)),
    IBAN: secret(iban('FR', letters(23, seed + 41, '0123456789'))),
    socialSecurity: secret(`${345 + seed}-${67 + seed}-${letters(4, seed + 42, '12345678')}`),
    'otp-secret': secret(letters(16, seed + 43, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567')),
    'api key': secret(`plain-${letters(24, seed + 44)}`),
    compass: 'north',
    tokenizer: 'unicode61',
    passenger: `Passenger ${seed}`,
    author: `Author ${seed}`,
    description: 'nothing to hide',
    password_changed_at: '2026-01-01',
    has_password: 1,
    session_count: 12 + seed,
  })
  // What a generated column shows of it counts too.
  secret(letters(24, seed + 44).slice(-12))
}

function fillOthers(connection: DatabaseSync, seed: number, secret: Secret): void {
  const token = secret(letters(32, seed + 50))
  insert(connection, 'sessions', {
    session_token: token,
    account: seed,
    payload_jwt: secret(letters(30, seed + 51)),
  })
  for (const what of ['login', 'logout']) insert(connection, 'events', { session_token: token, what })
  const id = secret(createHash('sha256').update(`session ${seed}`).digest().subarray(0, 20))
  insert(connection, 'old_sessions', { id, account: seed })
  insert(connection, 'keys', { private_key: secret(`key${letters(30, seed + 52)}`), owner: seed })
  insert(connection, 'settings', { key: `theme ${seed}`, value: 'dark' })
  insert(connection, 'settings', { key: `smtp_password_${seed}`, value: secret(letters(18, seed + 53)) })
  const password = secret(letters(18, seed + 54))
  const text = `See ${secret(letters(30, seed + 55).replace(/^/, 'ghp_'))} for it`
  insert(connection, 'documents', {
    title: `Title ${seed}`,
    body: JSON.stringify({ db: { host: 'db', password } }),
    raw: Buffer.from(`DB_HOST=db\nDB_PASSWORD=${secret(letters(18, seed + 56))}\n`),
  })
  insert(connection, 'notes_fts', { subject: `Note ${seed}`, text })
  insert(connection, 'audit', { entry: `changed from ${secret(`$2b$12$${letters(53, seed + 57)}`)}` })
}

/** What stands for the secret in a text: without the parts that others have as well. */
function coreOf(text: string): string {
  if (text.startsWith('-----BEGIN')) return text.split('\n')[1] ?? ''
  const json = /"password":"([^"]+)"/.exec(text)?.[1]
  return json ?? text
}

/** `sqlite_stat4` as other builds of SQLite make it; this one has no samples. */
function addSamples(connection: DatabaseSync, sample: string): void {
  connection.exec('CREATE TABLE samples (tbl, idx, neq, nlt, ndlt, sample)')
  insert(connection, 'samples', {
    tbl: 'accounts', idx: 'accounts_otp', neq: '1', nlt: '0', ndlt: '0', sample: Buffer.from(sample),
  }) // prettier-ignore
  connection.exec(`
    PRAGMA writable_schema = ON;
    UPDATE sqlite_schema SET name = 'sqlite_stat4', tbl_name = 'sqlite_stat4',
      sql = 'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)' WHERE name = 'samples';
    PRAGMA writable_schema = RESET;
  `)
}

function insert(connection: DatabaseSync, table: string, row: Readonly<Record<string, SQLInputValue>>): void {
  const names = Object.keys(row).map(name => `"${name}"`)
  connection
    .prepare(`INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`)
    .run(...Object.values(row))
}
