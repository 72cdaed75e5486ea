/** Looking into backups that are not stored plain. */
import { describe, expect, test } from 'vitest'
import { openPlace } from '../encoding/place.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { filesBelow } from '../support/temporary.ts'

describe.each(['zstd', 'zstd+age'] as const)('a backup stored as %s', encoding => {
  test('is looked into, queried and compared as a plain one, and leaves nothing behind', async () => {
    const place = await openPlace()
    const { identity, backupDir } = place
    const database = place.product()
    const key = encoding === 'zstd' ? {} : { identity }
    succeeded(await database.createBackup({ encoding }))
    const before = filesBelow(backupDir)

    const plain = succeeded(await database.createBackup({ encoding: 'plain' })).filename
    const looked = succeeded(await database.lookInside(plain))
    const [backup] = (await database.listBackups()).filter(each => each.encoding === encoding)
    const name = backup?.filename ?? ''
    const { tables } = succeeded(await database.lookInside(name, key))
    expect(tables).toEqual(looked.tables)
    const [table] = tables
    const request = { table: table?.name ?? '' }
    const { rows } = succeeded(await database.readRows(name, { ...request, ...key }))
    expect(rows).toEqual(succeeded(await database.readRows(plain, request)).rows)
    const sql = `SELECT count(*) FROM "${request.table}"`
    expect(succeeded(await database.queryBackup(name, { sql, ...key })).rows).toHaveLength(1)
    expect(succeeded(await database.compareBackups(name, { with: plain, ...key })).status).toBe('equal')
    expect(succeeded(await database.compareBackups(name, key)).status).toBe('equal')
    expect(filesBelow(backupDir).filter(file => !file.includes(plain))).toEqual(before)
  })
})

test('a backup that is encrypted is not looked into without its key', async () => {
  const place = await openPlace()
  const database = place.product()
  succeeded(await database.createBackup({ encoding: 'zstd+age' }))
  failedWith('KEY_REQUIRED', await database.lookInside('latest'))
  failedWith('KEY_REQUIRED', await database.compareBackups('latest'))
})
