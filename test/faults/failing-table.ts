/** Which calls can fail with what, as their manual pages say, and which codes an answer may have then. */
import type { ErrorCode } from '../../src/index.ts'
import type { Job } from './failing-worker.ts'
import type { FailingErrno, SeenCall } from './shim.ts'

/** One kind of call, and how it goes wrong. */
export interface Kind {
  readonly name: string
  /** As the shim names them. */
  readonly calls: readonly string[]
  readonly errnos: readonly (FailingErrno | 'short')[]
  /** What it fails with more rarely, and which the product treats as the others, or ought to. */
  readonly rare?: readonly FailingErrno[]
}

export const KINDS: readonly Kind[] = [
  {
    name: 'write',
    calls: ['write', 'ftruncate64', 'clone'],
    errnos: ['ENOSPC', 'EDQUOT', 'EIO'],
    // A file system that found itself damaged turns read-only, also under files that are open.
    rare: ['EROFS', 'ENOMEM'],
  },
  { name: 'short write', calls: ['write'], errnos: ['short'] },
  { name: 'fsync', calls: ['fsync', 'fdatasync'], errnos: ['EIO', 'ENOSPC', 'EDQUOT'], rare: ['EROFS'] },
  {
    name: 'rename',
    calls: ['rename', 'link'],
    errnos: ['EXDEV', 'EACCES', 'EIO', 'ENOSPC'],
    rare: ['EROFS', 'ENOMEM'],
  },
  {
    name: 'open',
    calls: ['open', 'readdir'],
    errnos: ['EMFILE', 'EACCES', 'EIO'],
    rare: ['ENFILE', 'ENOMEM'],
  },
  {
    name: 'make a file',
    calls: ['create', 'make'],
    errnos: ['EMFILE', 'EACCES', 'EIO', 'ENOSPC', 'EDQUOT'],
    rare: ['EROFS', 'ENFILE', 'ENOMEM'],
  },
  // By somebody else, at the last moment; what replaces a name does not mind.
  { name: 'take a name', calls: ['make', 'link', 'mkdir'], errnos: [], rare: ['EEXIST'] },
  { name: 'close', calls: ['close'], errnos: ['EIO', 'EDQUOT'] },
  { name: 'read', calls: ['read'], errnos: ['EIO'] },
  { name: 'short read', calls: ['read'], errnos: ['short'] },
  {
    name: 'make a directory',
    calls: ['mkdir'],
    errnos: ['EACCES', 'EIO', 'ENOSPC'],
    rare: ['EROFS', 'ENOMEM'],
  },
  {
    name: 'remove',
    calls: ['unlink', 'unlinkat', 'rmdir'],
    errnos: ['EACCES', 'EIO'],
    rare: ['EROFS', 'ENOMEM'],
  },
  {
    name: 'set mode or owner',
    calls: ['chmod', 'fchmod', 'chown', 'fchown'],
    errnos: ['EPERM', 'EACCES', 'EIO'],
    rare: ['EROFS', 'ENOMEM'],
  },
]

/** What an answer says of a call of ours that failed. */
const CODE_OF: Readonly<Record<FailingErrno, ErrorCode>> = {
  ENOSPC: 'INSUFFICIENT_SPACE',
  EDQUOT: 'INSUFFICIENT_SPACE',
  EACCES: 'PERMISSION_DENIED',
  EPERM: 'PERMISSION_DENIED',
  EIO: 'IO_FAILED',
  EMFILE: 'IO_FAILED',
  ENFILE: 'IO_FAILED',
  ENOMEM: 'IO_FAILED',
  EXDEV: 'IO_FAILED',
  EEXIST: 'IO_FAILED',
  EROFS: 'READ_ONLY',
}

export interface Struck {
  readonly hits: readonly SeenCall[]
  /** Whether it was SQLite that made the call. */
  readonly isSqlite: boolean
}

/** The codes that a failure may have. A short transfer is no failure. */
export function codesFor(
  errno: FailingErrno | 'short',
  operation: Job['operation'],
  { hits, isSqlite }: Struck,
): readonly ErrorCode[] {
  if (errno === 'short') return []
  return [
    CODE_OF[errno],
    // Once it writes, a restore says first of all what became of the target; the message has the reason.
    ...(operation === 'restore' ? (['RESTORE_FAILED', 'RESTORE_ROLLED_BACK'] as const) : []),
    // Where nothing was, somebody has put something meanwhile.
    ...(['restore', 'drill'].includes(operation) && errno === 'EEXIST'
      ? (['DATABASE_CHANGING'] as const)
      : []),
    ...(isSqlite ? codesOfSqlite(hits) : []),
    // What could not be removed is in the way of what comes next.
    ...(hits.some(({ call }) => call === 'unlink') ? (['IO_FAILED'] as const) : []),
  ]
}

/** SQLite does not pass the reason on. */
function codesOfSqlite(hits: readonly SeenCall[]): ErrorCode[] {
  return [
    'IO_FAILED',
    // Whatever goes wrong when it makes room in a WAL index, it speaks of its size.
    ...(hits.some(({ path }) => path.endsWith('-shm')) ? (['INSUFFICIENT_SPACE'] as const) : []),
    // What it cannot open for writing it opens for reading.
    ...(hits.some(({ call }) => call === 'create' || call === 'make') ? (['READ_ONLY'] as const) : []),
  ]
}
