/**
 * Taking an image where SQLite cannot open the database because it would have to write beside it: a
 * read-only directory, medium or file, a full disk. Nobody is expected to write it; whether somebody did
 * is seen by the files' times.
 */
import { BackupError } from '../errors.ts'
import { parseDatabaseHeader } from './database-header.ts'
import { hashImage } from './hash.ts'
import { copyWhole } from './copy-file.ts'
import { type Image, imageSize, layWalOver, readImageRun } from './image.ts'
import { changing, openIfThere, RawFile, readDatabaseHeader } from './source-files.ts'
import { watchForWrites } from './stillness.ts'
import type { TakenImage, TakeOptions } from './taken-image.ts'
import { isOfUnknownVersion, parseWalHeader, readUnpinnedFrames, readWalStart } from './wal.ts'
import { WritableFile } from './writable-file.ts'

export async function takeFromQuiescentFiles(database: string, options: TakeOptions): Promise<TakenImage> {
  using main = new RawFile(database)
  using walFile = openIfThere(`${database}-wal`)
  const isStill = await watchForWrites([
    [database, main],
    [`${database}-wal`, walFile],
  ])
  let taken: TakenImage
  try {
    taken = await takeUnlocked(main, walFile, options)
  } catch (error) {
    throw isOfContent(error) && !isStill() ? changing(database) : error
  }
  if (!isStill()) throw changing(database)
  return taken
}

/** Whether it may be so only because the files were read in two states. */
function isOfContent(error: unknown): boolean {
  return (
    error instanceof BackupError && ['DATABASE_DAMAGED', 'DATABASE_INVALID', 'READ_ONLY'].includes(error.code)
  )
}

async function takeUnlocked(
  main: RawFile,
  walFile: RawFile | null,
  { signal, file, onSize, onBytes }: TakeOptions,
): Promise<TakenImage> {
  refuseHotJournal(main.path)
  const image = await imageOf(main, walFile, signal)
  const sizeBytes = imageSize(image)
  await onSize(sizeBytes)
  await copyWhole(main.path, file, signal)
  using copy = new WritableFile(file)
  copy.setSize(sizeBytes)
  await layWalOver(image, copy, signal)
  const checksum = await hashImage(image, { signal, onBytes: done => onBytes(done, sizeBytes) })
  return {
    file,
    isCopied: true,
    sizeBytes,
    checksum,
    way: 'quiescent',
    pageSize: image.pageSize,
    journalMode: readDatabaseHeader(main)?.isWal === true ? 'wal' : 'delete',
    userVersion: sizeBytes === 0 ? 0 : userVersionOf(image),
    sqliteVersion: process.versions['sqlite'] as string,
  }
}

async function imageOf(main: RawFile, walFile: RawFile | null, signal: AbortSignal): Promise<Image> {
  const header = readDatabaseHeader(main)
  const pageSize = header?.pageSize ?? 0
  const inMain = pageSize === 0 ? 0 : (header?.pageCount ?? Math.floor(main.size / pageSize))
  const bare: Image = { path: main.path, mainFd: main.fd, pageSize, pageCount: inMain, wal: null }
  if (walFile === null) return bare
  const start = readWalStart(walFile)
  if (isOfUnknownVersion(start)) throw unusableWal('its write-ahead log is of an unknown version', main.path)
  const walHeader = parseWalHeader(start)
  if (walHeader === null) return bare
  const content = await readUnpinnedFrames({ fd: walFile.fd, path: walFile.path, header: walHeader, signal })
  if (content.maxFrame === 0) return bare
  if (header === null) throw unusableWal('the file is empty, but its write-ahead log is not', main.path)
  if (walHeader.pageSize !== pageSize)
    throw unusableWal('its write-ahead log has pages of another size', main.path)
  return asItsHeaderSays({
    ...bare,
    pageCount: content.pageCount,
    wal: { fd: walFile.fd, table: content.table },
  })
}

/** SQLite goes by the first page, which the WAL may hold, and believes its page count before that of the commit. */
function asItsHeaderSays(image: Image): Image {
  const page = Buffer.alloc(image.pageSize)
  readImageRun(image, page, 0)
  const header = parseDatabaseHeader(page)
  if (header?.pageSize !== image.pageSize)
    throw unusableWal('its write-ahead log has another first page', image.path)
  const pageCount = header.pageCount ?? image.pageCount
  if (pageCount > image.pageCount)
    throw unusableWal('its write-ahead log ends in the middle of the database', image.path)
  return { ...image, pageCount }
}

/** Without the commits in its WAL the database would be an older one. */
function unusableWal(what: string, path: string): BackupError {
  return new BackupError('DATABASE_DAMAGED', `Backup integrity check failed: ${what}: ${path}`, {
    hint: 'The log may belong to another database. Keep copies of both files, then restore the newest backup.',
    path,
  })
}

/** A journal that is not empty may have to be rolled back first, which needs a directory that can be written. */
function refuseHotJournal(database: string): void {
  using journal = openIfThere(`${database}-journal`)
  if (journal === null || journal.size === 0) return
  throw new BackupError(
    'READ_ONLY',
    `The database has a journal that may have to be rolled back, and SQLite cannot open it: ${database}`,
    {
      hint: 'Run as a user who may write the database and its directory, or copy both files elsewhere first.',
      path: database,
    },
  )
}

function userVersionOf(image: Image): number {
  const page = Buffer.alloc(image.pageSize)
  readImageRun(image, page, 0)
  return page.readInt32BE(60)
}
