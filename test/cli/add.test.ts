import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openWorkplace } from './run-cli.ts'

test('add says where the backup is, and that it may be of another database', async () => {
  using place = openWorkplace()
  const { filename } = await place.json(['create'])
  const other = new DatabaseSync(place.path('blog.db'))
  other.exec('CREATE TABLE posts (id)')
  other.close()
  const added = await place.cli(['add', 'blog.db'])
  expect(added).toMatchObject({ exit: 0, stderr: '' })
  expect(added.stdout).toMatch(/^✔ Added: .*\/manual\/chame_backup_manual_\d{8}_\d{6}(_2)?\.db\n {2}manual, /)
  expect(added.stdout).toContain(`\n  Note: It has none of the tables of ${String(filename)}, `)
})
