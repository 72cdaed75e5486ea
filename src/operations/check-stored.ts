/** Reading a stored image back: its checksum on one core while SQLite checks its structure on another. */
import type { BackupInfo, CheckLevel } from '../catalog/backup-info.ts'
import { hashFile } from '../snapshot/hash.ts'
import { unlessCutShort } from '../snapshot/read-through.ts'
import { RawFile } from '../snapshot/source-files.ts'
import { fromSqlite, SQLITE } from '../snapshot/sqlite-failure.ts'
import type { CheckOutcome } from '../sqlite/requests.ts'
import { SqliteError } from '../sqlite/sqlite-process.ts'
import type { Context } from './context.ts'
import type { VerifyProblem } from './reports.ts'

export interface StoredCheck {
  /** SHA-256 of the file as it is, hex. */
  readonly checksum: string
  readonly sizeBytes: number
  readonly problems: readonly VerifyProblem[]
  readonly tables: Record<string, number> | null
  /** Tables whose structure could not be checked, and why. */
  readonly unchecked: readonly string[]
}

/** What the stored file, or the image in it, should be, as far as anyone recorded it. */
export interface Expected {
  readonly what: 'file' | 'image'
  readonly sizeBytes: number | null
  readonly checksum: string | null
}

/** What the metadata says that the stored file should be. */
export function expectedOf({ metadata }: BackupInfo): Expected {
  return { what: 'file', sizeBytes: metadata?.file_size ?? null, checksum: metadata?.checksum ?? null }
}

/** What is asked of a stored file. */
export interface CheckOrder {
  readonly level: CheckLevel
  readonly expected: Expected
  /** Whether to count the tables' rows, which reads all of them once more. */
  readonly countRows: boolean
}

/**
 * Reads a stored file back. Damage is in the answer; throws only when the check itself could not be made.
 *
 * Of a disk that fails for a moment SQLite says that the database is damaged. So what it finds in a file
 * whose bytes are as expected must be found twice, and the file must be read whole in between.
 */
export async function checkStored(
  path: string,
  order: CheckOrder,
  context: Context,
  onBytes: (doneBytes: number, totalBytes: number) => void,
): Promise<StoredCheck> {
  const looked = await look(path, order, context, onBytes)
  const isAccusedBySqliteAlone = looked.problems.length > 0 && looked.problems.every(isOfStructure)
  return isAccusedBySqliteAlone ? await look(path, order, context, onBytes) : looked
}

/** Whether SQLite says so, and not the bytes that were compared with what was recorded of them. */
export function isOfStructure({ code }: VerifyProblem): boolean {
  return code === 'INTEGRITY' || code === 'NOT_A_DATABASE'
}

async function look(
  path: string,
  order: CheckOrder,
  context: Context,
  onBytes: (doneBytes: number, totalBytes: number) => void,
): Promise<StoredCheck> {
  const { signal } = context
  using file = new RawFile(path)
  const sizeBytes = file.size
  // Asked first: a file that is no database ends the question at once, and the hash goes on beside it.
  const structure = order.level === 'none' ? null : checkStructure(path, order, order.level, context)
  structure?.catch(() => {}) // Awaited below; until then a failure must not count as unhandled.
  const checksum = await hashFile(file.fd, sizeBytes, path, {
    signal,
    onBytes: done => onBytes(done, sizeBytes),
  }).catch(async (error: unknown) => {
    // Until SQLite is done with the file it holds it open, and the next operation would wait for its answer.
    await structure?.catch(() => {})
    throw error
  })
  const outcome = await structure
  return {
    checksum,
    sizeBytes,
    problems: [
      ...differences(sizeBytes, checksum, order.expected),
      // SQLite takes a file of one byte for an empty one, on purpose: a file system of old needed it.
      ...(sizeBytes === 1 && order.level !== 'none' ? [ONE_BYTE] : (outcome?.problems ?? [])),
    ],
    tables: outcome?.tables ?? null,
    unchecked: outcome?.unchecked ?? [],
  }
}

const ONE_BYTE: VerifyProblem = { code: 'NOT_A_DATABASE', message: 'file is not a database' }

/** Where a stored file differs from what was recorded of it. */
export function differences(sizeBytes: number, checksum: string, expected: Expected): VerifyProblem[] {
  const problems: VerifyProblem[] = []
  if (expected.sizeBytes !== null && expected.sizeBytes !== sizeBytes) {
    problems.push({
      code: 'SIZE_DIFFERS',
      message: `The ${expected.what} has ${sizeBytes} bytes, its metadata says ${expected.sizeBytes}`,
    })
  }
  if (expected.checksum !== null && expected.checksum !== checksum) {
    problems.push({
      code: 'CHECKSUM_DIFFERS',
      message: `The ${expected.what}'s SHA-256 is ${checksum}, its metadata says ${expected.checksum}`,
    })
  }
  return problems
}

export type Structure = Pick<StoredCheck, 'problems' | 'tables' | 'unchecked'>

function checkStructure(
  path: string,
  { countRows }: CheckOrder,
  level: 'quick' | 'full',
  { sqlite, signal }: Context,
): Promise<Structure> {
  return structureOf(path, () => sqlite.ask('check', { path, level, countRows }, { signal }), signal)
}

/** What SQLite says of a database. Damage is in the answer; throws when it could not be asked. */
export async function structureOf(
  path: string,
  ask: () => Promise<CheckOutcome>,
  signal: AbortSignal,
): Promise<Structure> {
  try {
    const { problems, ...rest } = await unlessCutShort(ask, path, signal)
    return { problems: problems.map(message => ({ code: 'INTEGRITY', message })), ...rest }
  } catch (error) {
    // An image that SQLite makes no sense of is damage found, not a failure of the check.
    if (!(error instanceof SqliteError) || !isDamage(error)) throw fromSqlite(error, path)
    const code = error.primaryCode === SQLITE.NOTADB ? 'NOT_A_DATABASE' : 'INTEGRITY'
    return { problems: [{ code, message: error.message }], tables: null, unchecked: [] }
  }
}

const DAMAGE: ReadonlySet<number | null> = new Set([
  SQLITE.ERROR,
  SQLITE.CORRUPT,
  SQLITE.TOOBIG,
  SQLITE.NOTADB,
])

/** A file that ends too early is damaged; one that the disk does not give is not. */
function isDamage({ primaryCode, resultCode }: SqliteError): boolean {
  return DAMAGE.has(primaryCode) || resultCode === SQLITE.IOERR_SHORT_READ
}
