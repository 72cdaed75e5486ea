import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { BackupError } from '../../src/index.ts'
import { restoreAfterAll, restoreAfterEach, saveDatabase, throwAwayCopy } from '../../src/testing/index.ts'
import { buildDatabase } from '../support/databases.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const SHOP = "CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('tea'), ('bread')"

function items(path: string): string[] {
  const connection = new DatabaseSync(path)
  try {
    return connection
      .prepare('SELECT name FROM item ORDER BY rowid')
      .all()
      .map(row => String(row['name']))
  } finally {
    connection.close()
  }
}

describe.each(['wal', 'delete'] as const)('a database in %s mode', journalMode => {
  test('that is saved comes back as often as it is restored, also for connections that are open', async () => {
    const path = join(temporaryDirectory(), 'shop.db')
    buildDatabase(path, SHOP, { journalMode })
    const application = new DatabaseSync(path)
    await using saved = await saveDatabase(path)
    for (let round = 0; round < 3; round++) {
      application.exec(`DELETE FROM item; INSERT INTO item VALUES ('coal ${round}')`)
      await saved.restore()
      expect(application.prepare('SELECT count(*) AS n FROM item').get()).toEqual({ n: 2 })
    }
    application.close()
    expect(items(path)).toEqual(['tea', 'bread'])
  })
})

test('a throw-away copy holds the same data, can be changed freely, and is gone afterwards', async () => {
  const path = join(temporaryDirectory(), 'shop.db')
  buildDatabase(path, SHOP)
  let where: string
  {
    await using copy = await throwAwayCopy(path)
    where = copy.path
    expect(items(copy.path)).toEqual(['tea', 'bread'])
    const connection = new DatabaseSync(copy.path)
    connection.exec('DROP TABLE item')
    connection.close()
  }
  expect(existsSync(where)).toBe(false)
  expect(items(path)).toEqual(['tea', 'bread'])
})

test('a database that is not there is a typed error, and leaves no temporary directory', async () => {
  const before = leftovers()
  const missing = join(temporaryDirectory(), 'none.db')
  await expect(saveDatabase(missing)).rejects.toMatchObject({
    name: 'BackupError',
    code: 'DATABASE_NOT_FOUND',
  })
  await expect(throwAwayCopy(missing)).rejects.toBeInstanceOf(BackupError)
  expect(leftovers()).toEqual(before)
})

test('without hooks, and without global ones, the error says to pass them', () => {
  expect(() => restoreAfterEach('any.db')).toThrow(/no test hooks/)
})

describe('in a Vitest suite that restores after each test', () => {
  const path = join(suiteDirectory(), 'shop.db')
  buildDatabase(path, SHOP)
  restoreAfterEach(path, { beforeEach, afterEach })

  test.each(['one', 'another'])('%s test finds the database as it was, whatever the last one did', () => {
    expect(items(path)).toEqual(['tea', 'bread'])
    const connection = new DatabaseSync(path)
    connection.exec('DELETE FROM item')
    connection.close()
  })
})

describe('a Vitest suite that restores after all tests', () => {
  const path = join(suiteDirectory(), 'shop.db')
  buildDatabase(path, SHOP)
  afterAll(() => expect(items(path)).toEqual(['tea', 'bread']))
  describe('', () => {
    restoreAfterAll(path, { beforeAll, afterAll })
    test('may destroy the database', () => {
      const connection = new DatabaseSync(path)
      connection.exec("INSERT INTO item VALUES ('coal')")
      connection.close()
      expect(items(path)).toHaveLength(3)
    })
  })
})

test('under node:test, each test of a suite finds the database as it was', () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'shop.db')
  buildDatabase(path, SHOP)
  const helpers = new URL('../../src/testing/index.ts', import.meta.url).href
  const suite = join(directory, 'suite.test.mjs')
  writeFileSync(
    suite,
    `
    import { after, afterEach, before, beforeEach, test } from 'node:test'
    import assert from 'node:assert'
    import { DatabaseSync } from 'node:sqlite'
    import { restoreAfterAll, restoreAfterEach } from ${JSON.stringify(helpers)}
    restoreAfterAll(${JSON.stringify(path)}, { before, after })
    restoreAfterEach(${JSON.stringify(path)}, { beforeEach, afterEach })
    for (const name of ['one', 'two']) {
      test(name, () => {
        const connection = new DatabaseSync(${JSON.stringify(path)})
        assert.equal(connection.prepare('SELECT count(*) AS n FROM item').get().n, 2)
        connection.exec('DELETE FROM item')
        connection.close()
      })
    }
    `,
  )
  const { NODE_OPTIONS: _, NODE_TEST_CONTEXT: __, ...env } = process.env
  const printed = execFileSync(process.execPath, ['--test', '--test-reporter=tap', suite], {
    env,
    encoding: 'utf8',
  })
  expect(printed).toMatch(/# pass 2/)
  expect(items(path)).toEqual(['tea', 'bread'])
})

/** A directory for a whole suite; removed by the hook that was registered first, and so runs last. */
function suiteDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'chame-suite-'))
  afterAll(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

function leftovers(): string[] {
  return readdirSync(tmpdir()).filter(name => name.startsWith('chame-backup-test-'))
}
