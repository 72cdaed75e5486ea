import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { expect, test } from 'vitest'
import { openWorkplace, type Workplace } from './run-cli.ts'

function change(place: Workplace, sql: string): void {
  const database = new DatabaseSync(place.databasePath)
  database.exec(sql)
  database.close()
}

test('inspect shows the tables of a backup, and the rows of one', async () => {
  using place = openWorkplace()
  await place.json(['create'])
  const tables = await place.cli(['inspect'])
  expect(tables).toMatchObject({ exit: 0, stderr: '' })
  expect(tables.stdout).toMatch(/^messages +table +500 +id, body/m)
  expect(await place.cli(['inspect', '--quiet'])).toEqual({
    exit: 0,
    stdout: 'messages\nusers\n',
    stderr: '',
  })
  const rows = await place.cli(['inspect', 'latest', 'messages', '--search', 'message 49', '--limit', '2'])
  expect(rows.stdout).toMatch(/^ 49 {2}message 49$/m)
  expect(rows.stdout).toContain('Rows 1 to 2; more with --offset 2')
  expect(
    await place.json(['inspect', 'latest', 'users', '--order-by', 'name', '--descending']),
  ).toMatchObject({
    rows: [['guest'], ['admin']],
    hasMore: false,
  })
  expect(await place.cli(['inspect', '--limit', '3'])).toMatchObject({ exit: 2, stdout: '' })
  expect(await place.cli(['inspect', 'latest', 'nowhere'])).toMatchObject({ exit: 2 })
})

test('inspect and query mask what is sensitive unless told otherwise', async () => {
  using place = openWorkplace()
  change(
    place,
    "CREATE TABLE keys (id INTEGER PRIMARY KEY, password TEXT); INSERT INTO keys VALUES (1, 'SECRET')",
  )
  await place.json(['create'])
  for (const words of [
    ['inspect', 'latest', 'keys'],
    ['query', 'latest', 'SELECT * FROM keys'],
  ]) {
    const masked = await place.cli(words)
    expect(masked.stdout).toContain('Not shown, because sensitive: keys.password.')
    expect(masked.stdout).not.toContain('SECRET')
    expect((await place.cli([...words, '--include-sensitive'])).stdout).toContain('SECRET')
  }
})

test('query runs what only reads; anything else is a usage error, and what takes too long is ended', async () => {
  using place = openWorkplace()
  await place.json(['create'])
  expect(await place.cli(['query', 'latest', 'SELECT count(*) AS n FROM messages', '--quiet'])).toEqual({
    exit: 0,
    stdout: '  n\n500\n',
    stderr: '',
  })
  const refused = await place.cli(['query', 'latest', 'DELETE FROM messages'])
  expect(refused).toMatchObject({
    exit: 2,
    stdout: '',
    stderr: expect.stringContaining('it does more than read'),
  })
  const endless = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n'
  expect(await place.cli(['query', 'latest', endless, '--time-limit', '200'])).toMatchObject({
    exit: 1,
    stdout: '',
  })
})

test('what is in a database drives no terminal', async () => {
  using place = openWorkplace()
  change(place, 'CREATE TABLE "\u001b[2J" ("a\u0007"); INSERT INTO "\u001b[2J" VALUES (\'\u001b]0;x\u0007\')')
  await place.json(['create'])
  for (const words of [
    ['inspect'],
    ['inspect', 'latest', '\u001b[2J'],
    ['query', 'latest', 'SELECT * FROM "\u001b[2J"'],
    ['compare', 'latest', '\u001b[2J'],
  ]) {
    const { exit, stdout } = await place.cli(words)
    expect(exit).toBe(0)
    // oxlint-disable-next-line no-control-regex
    expect(stdout).not.toMatch(/[\u0007\u001b]/)
  }
})

test('compare says what restoring would change, by table and by row', async () => {
  using place = openWorkplace()
  await place.json(['create'])
  expect((await place.cli(['compare'])).stdout).toContain('Nothing differs.')
  change(place, "DELETE FROM messages WHERE id = 7; UPDATE messages SET body = 'new' WHERE id = 8")
  const all = await place.cli(['compare'])
  expect(all.stdout).toMatch(/^messages +1 +1 +498 +primary key$/m)
  expect(await place.cli(['compare', '--quiet'])).toEqual({ exit: 0, stdout: 'messages\n', stderr: '' })
  const rows = await place.cli(['compare', 'latest', 'messages'])
  expect(rows.stdout).toContain('~ id=8  body=new → message 8\n+ id=7  body=message 7')
  const { filename } = await place.json(['create'])
  expect(await place.json(['compare', 'latest', '--with', String(filename)])).toMatchObject({
    status: 'equal',
  })
})

test('audit show lists what was done through the command line, and audit verify finds a change', async () => {
  using place = openWorkplace()
  expect((await place.cli(['audit', 'show'])).stdout).toBe('Nothing was noted yet.\n')
  await place.json(['create', '--description', 'first'])
  await place.cli(['delete', 'latest'])
  const shown = await place.cli(['audit', 'show'])
  expect(shown.stdout).toMatch(/^2 .*\(cli\).*delete .*DELETE_NOT_CONFIRMED/m)
  expect(shown.stdout).toMatch(/^1 .*\(cli\).*create .*success/m)
  const page = await place.json(['audit', 'show', '--before', '2'])
  expect(page).toMatchObject({
    entries: [{ seq: 1, actor: { door: 'cli' }, parameters: { description: 'first' } }],
  })
  expect(await place.cli(['audit', 'verify', '--quiet'])).toEqual({ exit: 0, stdout: '', stderr: '' })
  const log = place.path('backups', 'audit.jsonl')
  writeFileSync(log, readFileSync(log, 'utf8').replace('first', 'other'))
  const verified = await place.cli(['audit', 'verify'])
  expect(verified).toMatchObject({ exit: 3, stdout: expect.stringContaining('Line 1 was changed') })
})

test('audit verify compares the log with what targets know of it, and exits with 3 where they know better or nothing', async () => {
  using place = openWorkplace()
  const targets = { far: { kind: 'local', path: 'far' }, away: { kind: 'local', path: 'away' } }
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify({ targets }))
  mkdirSync(place.path('far'))
  await place.cli(['create'])
  const early = await place.cli(['audit', 'verify', '--target', 'far'])
  expect(early).toMatchObject({ exit: 3, stderr: '' })
  expect(early.stdout).toContain('– Intact as far as it could be compared:')
  expect(early.stdout).toContain('far: it has no anchor of this log')
  await place.cli(['create'])
  const agreeing = await place.cli(['audit', 'verify', '--target', 'far'])
  expect(agreeing).toMatchObject({ exit: 0, stderr: '' })
  expect(agreeing.stdout).toMatch(/far: 1 anchor that agrees, the newest of entry 1 \(\d{4}-/)
  const all = await place.cli(['audit', 'verify', '--targets'])
  expect(all.exit).toBe(3)
  expect(all.stdout).toMatch(/away: could not be asked: .*there is no directory/)
  // The whole log, written anew by nobody who could delete at the target.
  for (const name of ['audit.jsonl', 'audit.head']) rmSync(place.path('backups', name))
  await place.cli(['create', '--no-copy'])
  expect((await place.cli(['audit', 'verify'])).exit).toBe(0)
  const replaced = await place.cli(['audit', 'verify', '--target', 'far', '--target', 'far'])
  expect(replaced).toMatchObject({ exit: 3, stderr: '' })
  expect(replaced.stdout).toMatch(
    /✘ Not intact: .*\n {2}The target far knows of entry 1 since .*it was replaced/,
  )
  const { stdout } = await place.cli(['audit', 'verify', '--target', 'far', '--json'])
  expect(JSON.parse(stdout)).toMatchObject({
    status: 'damaged',
    problems: [{ code: 'LOG_REPLACED', target: 'far' }],
  })
  expect((await place.cli(['audit', 'verify', '--target', 'nowhere'])).exit).toBe(2)
})

test('create and sync say when the log could not be anchored, and that is no failure', async () => {
  using place = openWorkplace()
  const targets = { far: { kind: 'local', path: 'far' } }
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify({ targets }))
  mkdirSync(place.path('far'))
  await place.cli(['create'])
  writeFileSync(place.path('far', 'audit-anchors'), 'in the way')
  const created = await place.cli(['create'])
  expect(created).toMatchObject({ exit: 0, stderr: '' })
  expect(created.stdout).toMatch(/copied to far, .*; without an anchor of the audit log: .*audit-anchors/)
  await place.cli(['create', '--no-copy'])
  const synced = await place.cli(['sync'])
  expect(synced).toMatchObject({ exit: 0, stderr: '' })
  expect(synced.stdout).toMatch(
    /✔ far: 1 backup copied.*\n {2}without an anchor of the audit log: .*audit-anchors/,
  )
})
