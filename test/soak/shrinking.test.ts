/** A database whose file becomes shorter while it is copied. */
import { expect, onTestFinished, test } from 'vitest'
import { publish } from '../faults/figures.ts'
import { buildDatabase } from '../support/databases.ts'
import { withCopy } from '../support/intact.ts'
import { startScript } from '../support/scripts.ts'
import { openScene, succeeded } from '../restore/scene.ts'

const BACKUPS = 25
const LARGE_BYTES = 30_000_000
const LARGE = `CREATE TABLE t (a); INSERT INTO t VALUES (randomblob(${LARGE_BYTES}))`

/** Lets the file shrink to nearly nothing and grow again, without pause; `args`: path. */
const BREATHE = `
  import { DatabaseSync } from 'node:sqlite'
  const connection = new DatabaseSync(process.argv[1], { timeout: 60000 })
  connection.exec('PRAGMA synchronous = OFF')
  console.log('ready')
  for (;;) {
    connection.exec('DELETE FROM t; VACUUM; PRAGMA wal_checkpoint(PASSIVE)')
    connection.exec('INSERT INTO t VALUES (randomblob(${LARGE_BYTES})); PRAGMA wal_checkpoint(PASSIVE)')
    await new Promise(resolve => setTimeout(resolve, 1))
  }
`

test.each(['delete', 'wal'] as const)(
  'a backup ends, and is whole, although the database shrinks while it is copied (%s)',
  async journalMode => {
    const scene = openScene()
    const path = scene.path('app.db')
    buildDatabase(path, LARGE, { journalMode })
    const writer = await startScript(BREATHE, [path])
    onTestFinished(() => writer.kill())
    const product = scene.product({ path })
    for (let backup = 0; backup < BACKUPS; backup++) {
      const { backupPath } = succeeded(await product.createBackup({ check: 'none' }))
      const found = withCopy(backupPath, connection => ({
        check: connection.prepare('PRAGMA integrity_check').get()?.['integrity_check'],
        bytes: connection.prepare('SELECT total(length(a)) AS bytes FROM t').get()?.['bytes'],
      }))
      expect([0, LARGE_BYTES]).toContain(found.bytes)
      expect(found.check).toBe('ok')
    }
    publish({
      group: 'Actions',
      what: `backups of a file that shrinks while it is copied (${journalMode})`,
      count: BACKUPS,
      unit: 'runs',
      outcome: 'all whole',
    })
  },
)
