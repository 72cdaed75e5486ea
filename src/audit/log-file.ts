/** The files of the audit log: the log itself, its head, and the lock under which both are written. */
import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CatalogLock } from '../catalog/lock.ts'
import { BackupError } from '../errors.ts'
import { type Durability, syncDirectory, syncFile } from '../storage/durable.ts'
import { during, unlessMissing } from '../storage/io-errors.ts'
import { textOf } from '../storage/looks.ts'
import { readUpTo } from '../storage/read-up-to.ts'
import { logId, NO_LOG } from './anchor.ts'
import { bootId } from './boot-id.ts'
import type { AuditEntry, AuditGap } from './entry.ts'
import {
  type AuditHead,
  LINE_BYTES_MAX,
  makeLine,
  NO_HASH,
  parseHead,
  printHead,
  readLine,
  sha256,
} from './line.ts'

/** Not that of the catalog: nobody waits for a backup to note something. */
const LOCK_FILE = '.chame-audit.lock'
/** Others hold it for as long as it takes to write a line. */
const LOCK_MS_MAX = 5_000
const RETRY_MS = 5
const MODE = 0o600
/** Of the log's end so much is read at first: more than most lines have. */
const TAIL_BYTES = 4096
const DURABLE: Durability = { isDurable: true }
/** What a head says before the first line. */
const NOTHING_YET: AuditHead = { seq: 0, hash: NO_HASH }

export function logPath(backupDir: string): string {
  return join(backupDir, 'audit.jsonl')
}

function headPath(backupDir: string): string {
  return join(backupDir, 'audit.head')
}

/** What a line says, but for its place in the chain. */
export type AuditFacts = Omit<AuditEntry, 'seq' | 'gap' | 'boot' | 'previous' | 'hash'>

/**
 * Adds a line, all or nothing, and resolves once it would survive a power cut. Killed half-way it leaves a torn line,
 * which the next one notes; killed behind it, a head that is one line behind, which is no damage.
 *
 * @param unwritten actions before this one that could not be noted
 * @returns why the head could not be written, which leaves the line as it is; null when it was
 */
export async function appendToLog(
  backupDir: string,
  facts: AuditFacts,
  unwritten: number,
): Promise<{ readonly headProblem: unknown }> {
  const boot = await bootId()
  using _lock = await lock(backupDir)
  const path = logPath(backupDir)
  const head = await readHead(backupDir)
  const { isNew, newest } = await during('write', path, async () => {
    await using file = await open(
      path,
      constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW,
      MODE,
    )
    const { size } = await file.stat()
    // A log without a head may have been cut: so it is there before the first line is, whoever is killed in between.
    if (size === 0 && head === null) await beginHead(backupDir)
    const tail = await readTail(file, size)
    const chain = continueChain(tail, head)
    const gap: AuditGap = { ...(unwritten > 0 ? { unwritten } : {}), ...chain.gap }
    const { line, hash } = makeLine({
      seq: chain.seq + 1,
      ...facts,
      ...(Object.keys(gap).length > 0 ? { gap } : {}),
      ...(boot === null ? {} : { boot }),
      previous: chain.hash,
    })
    // A line that was cut short stays where it is: nothing that is in the log is taken out of it.
    await appendWhole(file, Buffer.from(tail.torn === null && tail.isEnded ? line : `\n${line}`), size)
    await file.sync()
    return { isNew: size === 0, newest: { seq: chain.seq + 1, hash } }
  })
  if (isNew) await syncDirectory(backupDir, DURABLE)
  try {
    await writeHead(backupDir, newest)
    return { headProblem: null }
  } catch (error) {
    return { headProblem: error }
  }
}

async function lock(backupDir: string): Promise<CatalogLock> {
  const path = join(backupDir, LOCK_FILE)
  const deadline = performance.now() + LOCK_MS_MAX
  for (;;) {
    const held = CatalogLock.tryAcquire(path)
    if (held !== null) return held
    if (performance.now() > deadline) {
      throw new BackupError('CATALOG_LOCKED', `Another process keeps the audit log locked: ${path}`, {
        hint: 'See which one has the file open, for example with lsof.',
        path,
      })
    }
    await sleep(RETRY_MS)
  }
}

/** A full disk shows first as a short write; what was written of the line goes again. */
async function appendWhole(file: FileHandle, bytes: Buffer, sizeBefore: number): Promise<void> {
  try {
    for (let done = 0; done < bytes.length;) done += (await file.write(bytes, done)).bytesWritten
  } catch (error) {
    await file.truncate(sizeBefore).catch(() => {})
    throw error
  }
}

interface Tail {
  /** The last line that is an entry; null when there is none. */
  readonly last: AuditHead | null
  readonly isEmpty: boolean
  /** Whether what is there ends where a line does. */
  readonly isEnded: boolean
  /** What stands behind the last entry: a line that was cut short, and those that were cut short behind it. */
  readonly torn: Buffer | null
}

async function readTail(file: FileHandle, size: number, lengthMax: number = TAIL_BYTES): Promise<Tail> {
  const length = Math.min(size, lengthMax)
  const bytes = await readUpTo(file, length, size - length)
  const isEnded = bytes.at(-1) === 0x0a
  let start = bytes.lastIndexOf(0x0a) + 1
  // A line of which only the end is missing is whole.
  let last = entryOf(bytes.subarray(start))
  let tornFrom = last === null ? start : bytes.length
  while (last === null && start > 0) {
    tornFrom = start
    start = start < 2 ? 0 : bytes.lastIndexOf(0x0a, start - 2) + 1
    last = entryOf(bytes.subarray(start, tornFrom - 1))
  }
  if (last === null) {
    // It begins before what was read.
    if (length < size && lengthMax < LINE_BYTES_MAX) return await readTail(file, size, LINE_BYTES_MAX)
    tornFrom = 0
  }
  return {
    last,
    isEmpty: size === 0,
    isEnded: isEnded || size === 0,
    torn: tornFrom === bytes.length ? null : bytes.subarray(tornFrom),
  }
}

/** The newest line, and which file of the log has it, as an anchor says them. */
interface NewestLine extends AuditHead {
  readonly log: string
}

/**
 * What is known of the newest line, by the log or its head. Under the lock, so that it is one that would survive a power
 * cut: who keeps it elsewhere must not remember what is lost here. Null where nothing was noted yet.
 */
export async function readNewest(backupDir: string): Promise<NewestLine | null> {
  const path = logPath(backupDir)
  if ((await unlessMissing(path, () => stat(path))) === null) return null
  using _lock = await lock(backupDir)
  const head = await readHead(backupDir)
  // Awaited here: the lock is released when this function ends.
  return await unlessMissing(path, async () => {
    await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    const { size } = await file.stat()
    const { seq, hash } = continueChain(await readTail(file, size), head)
    return size === 0 || seq === 0 ? null : { log: await readLogId(file, size), seq, hash }
  })
}

async function readLogId(file: FileHandle, size: number): Promise<string> {
  for (const line of (await readUpTo(file, Math.min(size, LINE_BYTES_MAX), 0)).toString('utf8').split('\n')) {
    const read = readLine(line)
    if (read.state !== 'invalid') return logId(read.entry.hash)
  }
  return NO_LOG
}

function entryOf(line: Buffer): AuditHead | null {
  const read = readLine(line.toString('utf8'))
  return read.state === 'entry' ? { seq: read.entry.seq, hash: read.entry.hash } : null
}

/** Goes on from the newest of what the log and its head know, so that a tail that was cut off is missed for ever. */
function continueChain(
  { last, isEmpty, torn }: Tail,
  head: AuditHead | null,
): AuditHead & { readonly gap: AuditGap } {
  const known = [last, head].filter(each => each !== null).toSorted((a, b) => b.seq - a.seq)[0]
  return {
    ...(known ?? { seq: 0, hash: NO_HASH }),
    gap: {
      ...(torn !== null ? { torn: { bytes: torn.length, sha256: sha256(torn) } } : {}),
      ...(isEmpty && head !== null && head.seq > 0 ? { restarted: true as const } : {}),
    },
  }
}

/** Null when it is not there, or no head. */
export async function readHead(backupDir: string): Promise<AuditHead | null> {
  const path = headPath(backupDir)
  const text = await during('read', path, () => textOf(path))
  return text === null ? null : parseHead(text)
}

/** Throws where the directory cannot be flushed: the line would need another flush of it, which could not be believed. */
async function beginHead(backupDir: string): Promise<void> {
  try {
    await writeHead(backupDir, NOTHING_YET)
    await syncFile(headPath(backupDir), DURABLE)
  } catch {
    return // It is written behind the line, or told of.
  }
  await syncDirectory(backupDir, DURABLE)
}

/** In place and in one step: a kill leaves the old one or the new one. It is not flushed, as an old one does no harm. */
async function writeHead(backupDir: string, head: AuditHead): Promise<void> {
  const path = headPath(backupDir)
  await during('write', path, async () => {
    await using file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_NOFOLLOW, MODE)
    await file.write(Buffer.from(printHead(head)), 0, undefined, 0)
  })
}
