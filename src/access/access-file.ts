/**
 * Who may come in by HTTP, as `server/access.json` in the backup directory holds it: hashes, never secrets. It is
 * replaced in one step, under a lock, so that readers see the old or the new and two writers lose nothing.
 */
import { randomBytes } from 'node:crypto'
import { constants, open } from 'node:fs/promises'
import { join } from 'node:path'
import { CatalogLock } from '../catalog/lock.ts'
import { BackupError } from '../errors.ts'
import { makeDirectory, namesIn, removeFile, renameDurably, writeNewFile } from '../storage/durable.ts'
import { during, isNotThere } from '../storage/io-errors.ts'
import type { Role } from './token.ts'

export interface StoredToken {
  readonly id: string
  readonly name: string
  readonly role: Role
  /** SHA-256 of the secret, hex. */
  readonly digest: string
  readonly createdAt: string
  /** Null: never. */
  readonly expiresAt: string | null
}

interface StoredLink {
  readonly id: string
  readonly digest: string
  readonly role: Role
  readonly expiresAt: string
}

export interface AccessFile {
  readonly schema: 1
  readonly tokens: readonly StoredToken[]
  readonly links: readonly StoredLink[]
}

const NAME = 'access.json'
/** What killed writers left, of this file and of the one beside it. */
const TEMPORARY = /^(?:\.access-[0-9a-f]{16}|last-use\.json\.[0-9a-f]{12})\.new$/
const DIRECTORY_MODE = 0o700
const FILE_MODE = 0o600
const DURABLE = { isDurable: true } as const
/** A file that is larger is none of ours. */
const SIZE_MAX = 4 << 20
/** It is written within milliseconds. */
const LOCK_WAIT_MS = 10_000

const EMPTY: AccessFile = { schema: 1, tokens: [], links: [] }

export function accessDirectory(backupDir: string): string {
  return join(backupDir, 'server')
}

export interface ReadAccess {
  readonly file: AccessFile
  /** Changes when the file does; null while there is none. */
  readonly identity: string | null
}

/**
 * What the file says; nobody may come in while there is none. Throws `CONFIG_INVALID` for one that others may read or
 * that is not of our form: who cannot say who may come in lets nobody in.
 */
export async function readAccess(directory: string): Promise<ReadAccess> {
  const path = join(directory, NAME)
  return during('read', path, async () => {
    try {
      await using handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
      const stats = await handle.stat({ bigint: true })
      if (!stats.isFile() || stats.size > SIZE_MAX) throw broken(path, 'it is no file of ours')
      if (process.platform !== 'win32' && (stats.mode & 0o077n) !== 0n) {
        throw broken(path, 'others than its owner may read or write it', `Make it private: chmod 600 ${path}`)
      }
      const identity = `${stats.ino}:${stats.size}:${stats.mtimeNs}:${stats.ctimeNs}`
      return { file: await parse(path, await handle.readFile('utf8')), identity }
    } catch (error) {
      if (isNotThere(error)) return { file: EMPTY, identity: null }
      throw error
    }
  })
}

async function parse(path: string, text: string): Promise<AccessFile> {
  // Loaded here: zod takes longer than most commands, and those that let nobody in do not need it.
  const { accessSchema } = await import('./access-schema.ts')
  try {
    return accessSchema.parse(JSON.parse(text))
  } catch (error) {
    throw broken(path, 'it is not of the form that it should have', undefined, error)
  }
}

function broken(path: string, why: string, hint?: string, cause?: unknown): BackupError {
  return new BackupError('CONFIG_INVALID', `The file of API tokens cannot be used: ${why}: ${path}`, {
    hint: hint ?? 'Restore it, or remove it and make new tokens with: chame-backup token create.',
    path,
    cause,
  })
}

/** Changes what the file says, durably; resolves to what `change` returns beside the new content. */
export async function changeAccess<Result>(
  directory: string,
  change: (file: AccessFile) => { readonly file: AccessFile; readonly result: Result },
): Promise<Result> {
  await makeDirectory(directory, DIRECTORY_MODE, DURABLE)
  const signal = new AbortController().signal
  using _lock = await CatalogLock.acquire(directory, { waitMs: LOCK_WAIT_MS, signal })
  for (const name of await namesIn(directory)) {
    if (TEMPORARY.test(name)) await removeFile(join(directory, name))
  }
  const { file, result } = change((await readAccess(directory)).file)
  const temporary = join(directory, `.access-${randomBytes(8).toString('hex')}.new`)
  try {
    await writeNewFile(temporary, `${JSON.stringify(file, null, 2)}\n`, FILE_MODE, DURABLE)
    await renameDurably(temporary, join(directory, NAME), DURABLE)
  } catch (error) {
    await removeFile(temporary).catch(() => {})
    throw error
  }
  return result
}
