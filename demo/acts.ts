/** The acts of the demo, in order. Everything that is done to backups is done through the public API. */
import { closeSync, existsSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { type Facts, readFacts } from './facts.ts'
import { makeSampleDatabase } from './sample-database.ts'
import { type Application, count, isSame, keep, type Kept, megabytes, must, type Stage } from './stage.ts'

export function makeTheDatabase({ path, narrator }: Stage): void {
  narrator.act(1, 'An application with something to lose')
  const started = performance.now()
  makeSampleDatabase(path)
  const database = new DatabaseSync(path)
  const facts = readFacts(database)
  database.close()
  narrator.say(
    `Made a database with ${count(facts.totalRows)} rows in ${Object.keys(facts.rows).length} tables: users with password hashes and API tokens, messages with full-text search, photos as blobs, accounts and transfers kept in step by triggers.`,
  )
  narrator.show(`${path}  ${megabytes(statSync(path).size)}, ${seconds(performance.now() - started)}`)
  narrator.check('It is whole: money adds up, rooms count their messages', facts.brokenRules.length === 0)
}

export async function backUpUnderLoad(stage: Stage, { writer }: Application): Promise<Kept> {
  const { backups, narrator } = stage
  narrator.act(2, 'Backups while it is being written')
  await writer.commitsMore(300)
  narrator.say('Another process now writes without pause. Three backups meanwhile:')
  let newest: Kept | undefined
  let areCommitted = true
  let areWhole = true
  for (const [backupType, description] of [
    ['weekly', 'Sunday night'],
    ['daily', 'Last night'],
    ['manual', 'Before migration'],
  ] as const) {
    const before = await writer.ask('status')
    const backup = must(await backups.createBackup({ backupType, description, createdBy: 'demo' }))
    const after = await writer.ask('status')
    const kept = keep(backup)
    areWhole &&= kept.facts.brokenRules.length === 0
    areCommitted &&= before.commits <= kept.facts.commits && kept.facts.commits <= after.commits
    narrator.show(
      `${backupType.padEnd(7)} ${megabytes(backup.metadata.file_size)} in ${seconds(backup.durationMs)}, checked; holds commit ${count(kept.facts.commits)}, ${count(after.commits - before.commits)} were made meanwhile`,
    )
    newest = kept
    await writer.commitsMore(200)
  }
  narrator.check('Each is one committed state between its start and its end', areCommitted)
  narrator.check('In each, every rule between the tables holds', areWhole)
  return newest as Kept
}

export async function listThem({ backups, backupDir, narrator }: Stage): Promise<void> {
  narrator.act(3, 'Which backups are there?')
  const list = await backups.listBackups()
  for (const { filename, type, size, description } of list) {
    narrator.show(`${filename.padEnd(40)} ${type.padEnd(7)} ${megabytes(size)}  ${description}`)
  }
  narrator.say(`They lie in ${backupDir}`)
  narrator.check(
    'All three are listed, newest first',
    list.map(backup => backup.type).join() === 'manual,daily,weekly',
  )
}

export async function verifyIt({ backups, narrator }: Stage, { backup }: Kept): Promise<void> {
  narrator.act(4, 'Is the newest one good?')
  const verified = must(await backups.verifyBackup('latest'))
  narrator.say(
    `Read ${backup.filename} back in ${seconds(verified.durationMs)}: SHA-256 ${verified.checksum.slice(0, 16)}… and SQLite's full integrity check.`,
  )
  const isIntact = verified.status === 'intact' && verified.backup.filename === backup.filename
  narrator.check('It is intact', isIntact && verified.checksum === backup.metadata.checksum)
}

export async function survivesBadMigration(
  stage: Stage,
  application: Application,
  before: Kept,
): Promise<void> {
  const { backups, path, narrator } = stage
  const { connection, writer } = application
  narrator.act(5, 'Disaster: a bad migration')
  const { filename } = before.backup
  connection.exec(`
    PRAGMA foreign_keys = OFF;
    BEGIN IMMEDIATE;
    DELETE FROM messages WHERE room_id % 2 = 0;
    UPDATE users SET password_hash = '';
    DROP TABLE transfers;
    COMMIT;
  `)
  const lost = before.facts.totalRows - rowsLeft(connection)
  const { error } = await writer.commitsMore(1)
  narrator.say(
    `It dropped a table and emptied every password: ${count(lost)} rows gone. The application stands still: “${error}”.`,
  )
  narrator.check('The application is broken', lost > 0 && error !== null)

  const refused = await backups.restoreBackup(filename)
  narrator.check(
    'A restore that nobody confirmed is refused',
    !refused.success && refused.code === 'RESTORE_NOT_CONFIRMED',
  )
  const restored = must(await backups.restoreBackup(filename, { confirm: true }))
  if (restored.dryRun) throw new Error('Expected a restore, got a plan')
  narrator.say(
    `Restored ${filename} in ${seconds(restored.durationMs)}, with the application's connections open. What was there before is kept, too:`,
  )
  narrator.show(restored.preRestoreBackup?.path ?? 'nothing')
  narrator.check('The broken state was backed up first', restored.preRestoreBackup !== null)
  narrator.check(
    `The open connection sees all ${count(before.facts.totalRows)} rows again, every hash and balance as it was`,
    isSame(readFacts(connection), before.facts),
  )
  await writer.ask('resume')
  const goesOn = await writer.commitsMore(300)
  narrator.check(
    `The writer goes on where the backup was, without a restart: commit ${count(before.facts.commits)}, now ${count(goesOn.commits)}`,
    goesOn.error === null && readFacts(connection).brokenRules.length === 0,
  )
  narrator.show(path)
}

export async function survivesBrokenFile(stage: Stage, application: Application): Promise<Kept> {
  const { backups, path, narrator } = stage
  narrator.act(6, 'Disaster: the file itself is destroyed')
  const before = keep(must(await backups.createBackup({ description: 'All well again', createdBy: 'demo' })))
  await application.writer.commitsMore(100)
  application.connection.close()
  await application.writer.kill()
  overwrite(path, 0, Buffer.alloc(65_536, 'garbage '))
  narrator.say(
    `The application was killed in mid-write, its write-ahead log is left behind, and the first 64 KiB of the file are garbage.`,
  )
  const failed = await backups.createBackup()
  narrator.check(
    'No backup is made of garbage, and it says why',
    !failed.success && failed.code === 'DATABASE_INVALID',
  )
  if (!failed.success) narrator.show(`${failed.code}: ${failed.message.replace(path, 'chame.db')}`)

  const restored = must(await backups.restoreBackup(before.backup.filename, { confirm: true }))
  if (restored.dryRun) throw new Error('Expected a restore, got a plan')
  narrator.say(
    `Restored ${before.backup.filename} in ${seconds(restored.durationMs)}. The ruins are kept: they may be the last copy of something.`,
  )
  for (const file of restored.keptFiles) narrator.show(file)
  narrator.check('The log that was left behind cannot bring old content back', walBytes(path) === 0)
  narrator.check('The database opens, and is what the backup was', isSame(factsOf(path), before.facts))
  narrator.check(
    'What could not be read was kept',
    restored.keptFiles.every(existsSync) && restored.keptFiles.length > 0,
  )
  return before
}

export async function refusesRottenBackup(
  { backups, path, narrator }: Stage,
  { facts }: Kept,
): Promise<void> {
  narrator.act(7, 'And if a backup rots on its disk?')
  const [rotten] = await backups.listBackups({ type: 'weekly' })
  if (rotten === undefined) throw new Error('The weekly backup is gone')
  flipBit(rotten.path, Math.floor(rotten.size / 2))
  const verified = must(await backups.verifyBackup(rotten.filename))
  narrator.say(`Flipped one bit of ${count(rotten.size * 8)} in ${rotten.filename}.`)
  narrator.check('Verify finds it', verified.status === 'damaged')
  const refused = await backups.restoreBackup(rotten.filename, { confirm: true })
  narrator.check('Restore refuses it', !refused.success && refused.code === 'BACKUP_DAMAGED')
  narrator.check('The database was not touched', isSame(factsOf(path), facts))
}

function rowsLeft(connection: DatabaseSync): number {
  const tables = ['users', 'api_tokens', 'rooms', 'members', 'messages', 'attachments', 'accounts']
  const sum = tables.map(table => `(SELECT count(*) FROM ${table})`).join(' + ')
  return Number(connection.prepare(`SELECT ${sum} AS n`).get()?.['n'])
}

function factsOf(path: string): Facts {
  const database = new DatabaseSync(path)
  try {
    return readFacts(database)
  } finally {
    database.close()
  }
}

function walBytes(path: string): number {
  return statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0
}

function overwrite(path: string, position: number, bytes: Buffer): void {
  const fd = openSync(path, 'r+')
  try {
    writeSync(fd, bytes, 0, bytes.length, position)
  } finally {
    closeSync(fd)
  }
}

function flipBit(path: string, position: number): void {
  const byte = Buffer.alloc(1)
  const fd = openSync(path, 'r')
  readSync(fd, byte, 0, 1, position)
  closeSync(fd)
  overwrite(path, position, Buffer.from([byte.readUInt8(0) ^ 1]))
}

function seconds(ms: number): string {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`
}
