import { DatabaseSync } from 'node:sqlite'
import { describe, expect, test } from 'vitest'
import { type Selected, type Selection, selectTables } from '../../src/export/select.ts'
import { describeSchema } from '../../src/sqlite/describe-tables.ts'
import { Workplace } from './build-round-trip.ts'
import { buildDatabase } from '../support/databases.ts'
import { failedWith } from '../support/product.ts'

function selected(sql: string, selection: Selection = {}): Selected {
  const connection = new DatabaseSync(':memory:')
  connection.exec(sql)
  return selectTables(describeSchema(connection), selection)
}

function tablesOf({ tables }: Selected): string[] {
  return tables.map(({ plan }) => plan.name)
}

function objectsOf({ objects }: Selected): string[] {
  return objects.map(({ name }) => name)
}

const SHOP = `
  CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, customer REFERENCES customers (id));
  CREATE TABLE customers (id INTEGER PRIMARY KEY AUTOINCREMENT, name);
  CREATE INDEX by_name ON customers (name);
  CREATE VIEW names AS SELECT name FROM customers;
  CREATE VIEW ids AS SELECT id FROM orders;
  CREATE TRIGGER counting AFTER INSERT ON orders BEGIN UPDATE customers SET name = name WHERE id = new.customer; END;
  CREATE TRIGGER renaming AFTER UPDATE ON customers BEGIN SELECT 1; END;
  CREATE VIRTUAL TABLE search USING fts5 (name);
  CREATE TABLE search_log (a);
  INSERT INTO customers VALUES (1, 'Ada'); INSERT INTO orders VALUES (1, 1); ANALYZE`

describe('of a whole database', () => {
  test("every table is selected, SQLite's own last", () => {
    expect(tablesOf(selected(SHOP))).toEqual([
      'orders',
      'customers',
      'search_log',
      'search_data',
      'search_idx',
      'search_content',
      'search_docsize',
      'search_config',
      'sqlite_sequence',
      'sqlite_stat1',
    ])
  })

  test('objects come in an order in which they can be made', () => {
    const types = selected(SHOP).objects.map(({ type }) => type)
    const order = ['table', 'index', 'view', 'trigger']
    expect(types).toEqual(types.toSorted((a, b) => order.indexOf(a) - order.indexOf(b)))
    expect(selected(SHOP).leftOut).toEqual([])
  })
})

describe('of some tables', () => {
  test('what rests on others is left out, with the reason', () => {
    const some = selected(SHOP, { tables: ['ORDERS'] })
    expect(tablesOf(some)).toEqual(['orders', 'sqlite_sequence', 'sqlite_stat1'])
    expect(objectsOf(some)).toEqual(['orders', 'ids'])
    expect(some.leftOut).toEqual([
      { type: 'view', name: 'names', why: 'it needs customers, which is not exported' },
      { type: 'trigger', name: 'counting', why: 'it needs customers, which is not exported' },
    ])
  })

  test('what rests on a view goes with it, and comes with it', () => {
    const views = `
      CREATE VIEW first AS SELECT * FROM names;
      CREATE TRIGGER naming INSTEAD OF INSERT ON first BEGIN SELECT 1; END;
      CREATE TRIGGER numbering INSTEAD OF INSERT ON ids BEGIN INSERT INTO orders (id) VALUES (new.id); END`
    const some = selected(`${SHOP}; ${views}`, { exclude: ['customers'] })
    expect(some.leftOut).toMatchObject([
      { type: 'view', name: 'names' },
      { type: 'view', name: 'first', why: 'it needs names, which is not exported' },
      { type: 'trigger', name: 'counting' },
      { type: 'trigger', name: 'naming', why: 'it needs first, which is not exported' },
    ])
    const one = selected(`${SHOP}; ${views}`, { tables: ['orders'] })
    expect(objectsOf(one)).toEqual(['orders', 'ids', 'numbering'])
    expect(one.leftOut).toMatchObject(some.leftOut)
  })

  test('a condition on a virtual table, which has no rows of its own, is refused', () => {
    expect(() => selected(SHOP, { where: { Search: "name = 'Ada'" } })).toThrow(
      'search is a virtual table, which has no rows of its own to choose from',
    )
  })

  test('a table that a full-text one only indexes is a table like any other', () => {
    const sql = `CREATE TABLE docs_content (id INTEGER PRIMARY KEY, body);
      CREATE VIRTUAL TABLE docs USING fts5 (body, content='docs_content')`
    expect(selected(sql).tables[0]).toMatchObject({ plan: { name: 'docs_content', kind: 'ordinary' } })
    expect(tablesOf(selected(sql, { exclude: ['docs_content'] }))).not.toContain('docs_content')
    expect(tablesOf(selected(sql, { tables: ['docs'] }))).not.toContain('docs_content')
  })

  test("SQLite's notes on the others are left out", () => {
    const { tables } = selected(SHOP, { exclude: ['customers'] })
    const where = tables.filter(({ plan }) => plan.kind === 'internal').map(({ plan }) => plan.where)
    expect(where).toHaveLength(2)
    for (const condition of where) {
      expect(condition).toContain("'orders'")
      expect(condition).not.toContain("'customers'")
    }
  })

  test('a virtual table brings its data, and no table that is only called alike', () => {
    expect(tablesOf(selected(SHOP, { tables: ['search'] }))).toEqual([
      'search_data',
      'search_idx',
      'search_content',
      'search_docsize',
      'search_config',
      'sqlite_sequence',
      'sqlite_stat1',
    ])
    expect(tablesOf(selected(SHOP, { exclude: ['search'] }))).toContain('search_log')
  })

  test('two tables that differ in more than the case of A to Z are two', () => {
    const sql = 'CREATE TABLE "É" (a); CREATE TABLE "é" (b); CREATE TABLE k (c); CREATE TABLE "\u212a" (d)'
    expect(tablesOf(selected(sql, { tables: ['é'] }))).toEqual(['é'])
    expect(tablesOf(selected(sql, { exclude: ['K'] }))).toEqual(['É', 'é', '\u212a'])
    const { tables } = selected(sql, { where: { É: 'a > 1' } })
    expect(tables.map(({ plan }) => plan.where)).toEqual(['a > 1', null, null, null])
  })

  test('a table that is not there is refused, and those that are there are named', () => {
    expect(() => selected(SHOP, { tables: ['user'] })).toThrow('There is no table "user" in the database')
    expect(() => selected(SHOP, { where: { user: '1' } })).toThrow('There is no table "user"')
    expect(() => selected('', { exclude: ['x'] })).toThrow('There is no table "x"')
  })
})

describe('how rows are read', () => {
  test.each([
    ['CREATE TABLE t (a)', 'rowid', 'rowid'],
    ['CREATE TABLE t (rowid, a)', '_rowid_', '_rowid_'],
    ['CREATE TABLE t (RowId, _ROWID_)', 'oid', 'oid'],
    ['CREATE TABLE t (rowid, _rowid_, oid)', null, null],
    ['CREATE TABLE t (id INTEGER PRIMARY KEY)', null, 'rowid'],
    ['CREATE TABLE t (rowid INTEGER PRIMARY KEY)', null, '_rowid_'],
    ['CREATE TABLE t (id INTEGER PRIMARY KEY DESC)', 'rowid', 'rowid'],
    ['CREATE TABLE t (id INT PRIMARY KEY)', 'rowid', 'rowid'],
    ['CREATE TABLE t (a, b, PRIMARY KEY (a, b))', 'rowid', 'rowid'],
    ['CREATE TABLE t (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID', null, null],
    ['CREATE TABLE t (id INTEGER, PRIMARY KEY (id))', null, 'rowid'],
    ['CREATE TABLE t (a "INTEGER", b, PRIMARY KEY ("a" ASC))', null, 'rowid'],
  ])('of %s the rowid stands in front as %s, and rows are read by %s', (sql, rowid, by) => {
    expect(selected(sql).tables).toMatchObject([{ by, plan: { rowid } }])
  })

  test('generated columns are none', () => {
    const { tables } = selected('CREATE TABLE t (a, b AS (a + 1), c AS (a + 2) STORED, d)')
    expect(tables[0]?.plan.columns.map(({ name }) => name)).toEqual(['a', 'd'])
  })
})

describe('an export of some tables and rows', () => {
  test('has those, and is imported as a database of its own', async () => {
    for (const format of ['json', 'csv', 'sql'] as const) {
      using place = new Workplace()
      buildDatabase(
        place.source,
        `${SHOP}; INSERT INTO customers SELECT value, 'x' || value FROM json_each('[2,3,4,5]');
         CREATE TABLE pairs (a, b, PRIMARY KEY (a, b)) WITHOUT ROWID; INSERT INTO pairs VALUES (1, 2), (3, 4);
         CREATE TRIGGER numbering INSTEAD OF INSERT ON ids BEGIN SELECT 1; END`,
      )
      const made = await place.export({
        format,
        exclude: ['orders'],
        where: { CUSTOMERS: "id > 2 AND name <> 'x4' -- not this one", pairs: 'a = 3' },
      })
      expect(made.tables).toMatchObject({ customers: 2, pairs: 1, search_log: 0 })
      expect(made.leftOut.map(({ name }) => name)).toEqual(['ids', 'numbering'])
      const imported = await place.database.importData({ from: made.exportPath, to: place.target })
      expect(imported).toMatchObject({ success: true, tables: made.tables, leftOut: made.leftOut })
      const connection = new DatabaseSync(place.target)
      expect(connection.prepare('SELECT group_concat(id) ids FROM customers').get()).toEqual({ ids: '3,5' })
      connection.close()
    }
  })

  test.each([
    ['is no SQL', 'id >'],
    ['names what is not there', 'idd > 3'],
    ['closes the bracket that it stands in', '1); DELETE FROM customers; --'],
    ['writes', '(DELETE FROM customers)'],
    ['calls what reaches beyond the database', "load_extension('x')"],
  ])('is refused when its condition %s', async (_, condition) => {
    using place = new Workplace()
    buildDatabase(place.source, SHOP)
    const result = await place.database.exportData({ where: { customers: condition } })
    const { message } = failedWith('INVALID_ARGUMENT', result)
    expect(message).toContain('customers')
  })
})
