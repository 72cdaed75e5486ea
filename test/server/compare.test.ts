/** Two backups beside each other, over HTTP. */
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import type { BackupsCompared } from '../../src/index.ts'
import { backUp, openServing, type Serving } from './serving.ts'

const SHOP = '/api/v1/databases/shop'
const CHANGES = `
  INSERT INTO users (name, password) VALUES ('Cid', 'secret-of-cid');
  UPDATE users SET password = 'other-secret-of-ada', name = 'Ada L.' WHERE id = 1;
  DELETE FROM users WHERE id = 2;
  CREATE TABLE orders (id INTEGER PRIMARY KEY, total INTEGER);
  INSERT INTO orders VALUES (1, 900), (2, 1200);
  DROP TABLE notes;
  CREATE INDEX by_total ON orders(total);
`

function change(serving: Serving, sql: string): void {
  const connection = new DatabaseSync(serving.databasePath, { timeout: 30_000 })
  connection.exec(sql)
  connection.close()
}

/** Two backups, between which tables and rows came, went and changed; the live database is another one again. */
async function openStates(): Promise<Serving & { readonly before: string; readonly after: string }> {
  const serving = await openServing()
  change(serving, "CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT); INSERT INTO notes VALUES (1, 'a')")
  const before = await backUp(serving)
  change(serving, CHANGES)
  const after = await backUp(serving)
  change(serving, 'DELETE FROM orders')
  return { ...serving, before, after }
}

test('two backups are compared by table, and down to the cells, whatever the live database is by now', async () => {
  const { done, before, after } = await openStates()
  const job = await done(`${SHOP}/compare`, { from: before, to: after }, { as: 'operator' })
  const compared = job.result as BackupsCompared
  expect(compared).toMatchObject({
    status: 'different',
    from: { kind: 'backup', backup: { filename: before } },
    to: { kind: 'backup', backup: { filename: after } },
    objects: [{ type: 'index', name: 'by_total', change: 'added' }],
    rows: null,
  })
  const counts = compared.tables.map(({ name, status, added, removed, changed, unchanged }) => [
    name,
    [status, added, removed, changed, unchanged],
  ])
  expect(Object.fromEntries(counts)).toEqual({
    notes: ['removed', 0, 1, 0, 0],
    orders: ['added', 2, 0, 0, 0],
    users: ['compared', 1, 1, 1, 0],
  })
  const back = await done(`${SHOP}/compare`, { from: after, to: before }, { as: 'operator' })
  expect((back.result as BackupsCompared).tables).toMatchObject([
    { name: 'notes', status: 'added', added: 1 },
    { name: 'orders', status: 'removed', removed: 2 },
    { name: 'users', added: 1, removed: 1, changed: 1 },
  ])
  const same = await done(`${SHOP}/compare`, { from: after, to: after }, { as: 'operator' })
  expect(same.result).toMatchObject({ status: 'equal' })
})

test('cells of sensitive columns are compared, and shown to admins alone', async () => {
  const { ask, done, before, after } = await openStates()
  const order = { from: before, to: after, table: 'users' }
  const masked = await done(`${SHOP}/compare`, order, { as: 'operator' })
  const { rows } = masked.result as BackupsCompared
  expect(rows).toMatchObject({
    columns: ['id', 'name', 'password'],
    masked: [{ table: 'users', column: 'password' }],
    hasMore: false,
  })
  expect(rows?.rows).toContainEqual({
    change: 'changed',
    before: [1, 'Ada', { $masked: true }],
    after: [1, 'Ada L.', { $masked: true }],
    changedColumns: ['name', 'password'],
  })
  expect(JSON.stringify(masked)).not.toContain('secret')
  const shown = await done(`${SHOP}/compare`, { ...order, reveal: true })
  expect((shown.result as BackupsCompared).rows?.rows).toContainEqual({
    change: 'changed',
    before: [1, 'Ada', 'secret-of-ada'],
    after: [1, 'Ada L.', 'other-secret-of-ada'],
    changedColumns: ['name', 'password'],
  })
  // What an admin has had shown is not for others by its id.
  const seen = await ask('GET', `/api/v1/jobs/${shown.id}`, { as: 'operator' })
  expect(seen.body.result).toBeNull()
  const page = await done(`${SHOP}/compare`, { ...order, limit: 1, offset: 1 }, { as: 'operator' })
  expect((page.result as BackupsCompared).rows).toMatchObject({ rows: [{}], hasMore: true })
  const asked = async (as: 'viewer' | 'operator', body: object): Promise<string> =>
    (await ask('POST', `${SHOP}/compare`, { body, as })).body.code
  expect(await asked('operator', { ...order, reveal: true })).toBe('FORBIDDEN')
  expect(await asked('viewer', { from: before, to: after })).toBe('FORBIDDEN')
  expect(await asked('operator', { from: before, to: '../shop.db' })).toBe('BACKUP_NOT_FOUND')
  expect(await asked('operator', { from: 'nothing.db', to: after })).toBe('BACKUP_NOT_FOUND')
})
