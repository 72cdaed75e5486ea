/** The newest entries of the audit log. */
import { type FileHandle, open } from 'node:fs/promises'
import { BackupError } from '../errors.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import { readUpTo } from '../storage/read-up-to.ts'
import type { AuditEntry } from './entry.ts'
import { logPath } from './log-file.ts'
import { LINE_BYTES_MAX, readLine } from './line.ts'
import type { AuditLogRead, AuditLogRequest } from './reports.ts'

const DEFAULT_LIMIT = 50
const CHUNK_BYTES = 64 << 10

/** Reads no more of the file than it has to: from its end. Throws `INVALID_ARGUMENT`. */
export async function readLog(backupDir: string, request: AuditLogRequest): Promise<AuditLogRead> {
  requirePage(request)
  const path = logPath(backupDir)
  const limit = request.limit ?? DEFAULT_LIMIT
  const before = request.before ?? Number.POSITIVE_INFINITY
  const entries: AuditEntry[] = []
  await unlessMissing(path, async () => {
    await using file = await open(path, 'r')
    for await (const line of linesFromEnd(file)) {
      const read = readLine(line)
      if (read.state === 'invalid' || read.entry.seq >= before) continue
      entries.push(read.entry)
      if (entries.length > limit) break
    }
  })
  return { success: true, path, entries: entries.slice(0, limit), hasMore: entries.length > limit }
}

const isCount = (value: number | undefined, max: number): boolean =>
  value === undefined || (Number.isSafeInteger(value) && value >= 1 && value <= max)

function requirePage({ limit, before }: AuditLogRequest): void {
  if (isCount(limit, 1_000) && isCount(before, Number.MAX_SAFE_INTEGER)) return
  throw new BackupError('INVALID_ARGUMENT', 'Not a page of the audit log', {
    hint: 'limit is a whole number from 1 to 1,000, before one of at least 1.',
  })
}

async function* linesFromEnd(file: FileHandle): AsyncGenerator<string> {
  let position = (await file.stat()).size
  let rest: Buffer = Buffer.alloc(0)
  while (position > 0) {
    const sizeBytes = Math.min(CHUNK_BYTES, position)
    position -= sizeBytes
    const joined = Buffer.concat([await readUpTo(file, sizeBytes, position), rest])
    const first = joined.indexOf(0x0a)
    // What stands before the first line's end may go on in the chunk before.
    const cut = position === 0 ? 0 : first === -1 ? joined.length : first + 1
    // What is longer than any line is none.
    rest = cut > LINE_BYTES_MAX ? Buffer.alloc(0) : joined.subarray(0, cut)
    const lines = joined.subarray(cut).toString('utf8').split('\n')
    for (const line of lines.toReversed()) if (line !== '') yield line
  }
}
