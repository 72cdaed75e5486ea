/** A shop's database for the console to show: customers with secrets, orders, and a table with a hostile name. */
import { DatabaseSync } from 'node:sqlite'
import { buildDatabase } from '../../support/databases.ts'

/** It would run a script wherever it were taken for HTML. */
export const HOSTILE_TABLE = `<img src=x onerror="document.title='pwned';alert(1)">`
export const HOSTILE_TEXT = `<script>alert('row')</script><img src=x onerror=alert(2)>`

const SCHEMA = `
  CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    city TEXT,
    password_hash TEXT NOT NULL
  );
  CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers(id),
    total_cents INTEGER NOT NULL,
    status TEXT NOT NULL,
    placed_at TEXT NOT NULL
  );
  CREATE INDEX orders_by_customer ON orders(customer_id);
  CREATE TABLE products (id INTEGER PRIMARY KEY, title TEXT NOT NULL, price_cents INTEGER NOT NULL);
  CREATE TABLE "${HOSTILE_TABLE.replaceAll('"', '""')}" (id INTEGER PRIMARY KEY, "<b>note</b>" TEXT);
  CREATE VIEW open_orders AS SELECT * FROM orders WHERE status = 'open';
`

const NAMES = ['Ada', 'Grace', 'Linus', 'Margaret', 'Edsger', 'Barbara', 'Ken', 'Radia']
const CITIES = ['Berlin', 'Seoul', 'Lisbon', 'Toronto']

/** @param size how many customers it has; ten orders each */
export function buildShop(path: string, size: number): void {
  const name = `CASE id % ${NAMES.length} ${NAMES.map((each, index) => `WHEN ${index} THEN '${each}'`).join(' ')} END`
  const city = `CASE id % ${CITIES.length} ${CITIES.map((each, index) => `WHEN ${index} THEN '${each}'`).join(' ')} END`
  buildDatabase(
    path,
    `${SCHEMA}
    WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${size})
      INSERT INTO customers SELECT id, ${name} || ' ' || id, ${city}, 'scrypt$' || hex(id * 7919) FROM n;
    WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < ${size * 10})
      INSERT INTO orders SELECT id, 1 + id % ${size}, 900 + (id * 37) % 90000,
        CASE WHEN id % 7 = 0 THEN 'open' ELSE 'paid' END, date('2025-01-01', '+' || (id % 600) || ' days') FROM n;
    INSERT INTO products VALUES (1, 'Melon seeds', 450), (2, 'Trellis', 3900), (3, 'Watering can', 2450);
    INSERT INTO "${HOSTILE_TABLE.replaceAll('"', '""')}" VALUES (1, '${HOSTILE_TEXT.replaceAll("'", "''")}');`,
  )
}

/** What happens to the shop between two backups: rows added, changed and removed. */
export const A_DAY_OF_BUSINESS = `
  INSERT INTO orders VALUES (900001, 3, 1999, 'open', '2026-01-01'), (900002, 4, 2999, 'open', '2026-01-01');
  UPDATE products SET price_cents = 475 WHERE id = 1;
  DELETE FROM orders WHERE id = 5;
`

/** Lets a day of business go by in a shop that others have open. */
export function doBusiness(shop: string): void {
  const connection = new DatabaseSync(shop, { timeout: 30_000 })
  connection.exec(A_DAY_OF_BUSINESS)
  connection.close()
}

/** Tells whether the order that yesterday has, and business removed, is in the live database. */
export function hasOrderFive(shop: string): boolean {
  const connection = new DatabaseSync(shop, { timeout: 30_000 })
  const row = connection.prepare('SELECT id FROM orders WHERE id = 5').get()
  connection.close()
  return row !== undefined
}
