/**
 * Taking an image where SQLite cannot open the database because it would have to write beside it: a
 * read-only directory, medium or file. Nobody is expected to write it; whether somebody did is seen
 * by the files' times.
 */
import { BackupError } from '../errors.ts'
import { hashImage } from './hash.ts'
import { copyWhole } from './copy-file.ts'
import { type Image, imageSize, layWalOver, readImageRun } from './image.ts'
import { changing, openIfThere, RawFile, readDatabaseHeader } from './source-files.ts'
import type { TakenImage, TakeOptions } from './taken-image.ts'
import { readUnpinnedFrames, readWalHeader } from './wal.ts'
import { WritableFile } from './writable-file.ts'

export async function takeFromQuiescentFiles(database: string, options: TakeOptions): Promise<TakenImage> {
  const { signal, file, onSize, onBytes } = options
  using main = new RawFile(database)
  using walFile = openIfThere(`${database}-wal`)
  const versions = (): string => `${main.version} ${walFile?.version}`
  const before = versions()
  refuseHotJournal(database)

  const image = await imageOf(main, walFile, signal)
  const sizeBytes = imageSize(image)
  await onSize(sizeBytes)
  await copyWhole(database, file, signal)
  using copy = new WritableFile(file)
  copy.setSize(sizeBytes)
  await layWalOver(image, copy.fd, signal)
  const checksum = await hashImage(image, { signal, onBytes: done => onBytes(done, sizeBytes) })
  if (versions() !== before) throw changing(database)
  return {
    file,
    sizeBytes,
    checksum,
    way: 'quiescent',
    pageSize: image.pageSize,
    journalMode: readDatabaseHeader(main)?.isWal === true ? 'wal' : 'delete',
    userVersion: sizeBytes === 0 ? 0 : userVersionOf(image),
    sqliteVersion: process.versions['sqlite'] ?? '',
  }
}

async function imageOf(main: RawFile, walFile: RawFile | null, signal: AbortSignal): Promise<Image> {
  const header = readDatabaseHeader(main)
  const pageSize = header?.pageSize ?? 0
  const inMain = pageSize === 0 ? 0 : (header?.pageCount ?? Math.floor(main.size / pageSize))
  const bare: Image = { path: main.path, mainFd: main.fd, pageSize, pageCount: inMain, wal: null }
  const walHeader = walFile === null ? null : readWalHeader(walFile.fd)
  if (walFile === null || walHeader === null || walHeader.pageSize !== pageSize) return bare
  const content = await readUnpinnedFrames({ fd: walFile.fd, path: walFile.path, header: walHeader, signal })
  if (content.maxFrame === 0) return bare
  return { ...bare, pageCount: content.pageCount, wal: { fd: walFile.fd, table: content.table } }
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
