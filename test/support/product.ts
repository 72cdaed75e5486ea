/** The product as tests use it: an API result is what the test expects, or the test fails with what it says. */
import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import {
  type BackupCreated,
  type CreateBackupRequest,
  Database,
  type DatabaseOptions,
} from '../../src/index.ts'
import type { ErrorCode, Failure, RunOptions } from '../../src/index.ts'

/** Makes a backup that is expected to succeed; backups go to `backups` beside the database unless told otherwise. */
export async function backUp(
  path: string,
  request: CreateBackupRequest & RunOptions = {},
  options: DatabaseOptions = {},
): Promise<BackupCreated> {
  return succeeded(await protect(path, options).createBackup(request))
}

/** The database at `path`, with backups in `backups` beside it. */
export function protect(path: string, options: DatabaseOptions = {}): Database {
  return new Database({ path, backupDir: join(dirname(path), 'backups'), ...options })
}

/** The result itself when it is a success; otherwise throws what the failure says. */
export function succeeded<Result extends { readonly success: true }>(result: Result | Failure): Result {
  if (result.success) return result
  throw new Error(`Expected success, got ${result.code}: ${result.message}`)
}

/** The failure, which must have `code`; otherwise throws what happened instead. */
export function failedWith(code: ErrorCode, result: { readonly success: true } | Failure): Failure {
  if (!result.success && result.code === code) return result
  throw new Error(`Expected ${code}, got ${JSON.stringify(result)}`)
}

/**
 * The process ids of this process's engines and, below each, of the process that opens databases; null where it has not
 * needed one yet, and never a number in its place: some mean every process there is. Linux only.
 */
export function engineProcesses(): { engine: number; sqlite: number | null }[] {
  return childrenOf(process.pid)
    .filter(pid => runs(pid, 'engine'))
    .map(engine => ({ engine, sqlite: childrenOf(engine).find(pid => runs(pid, 'sqlite')) ?? null }))
}

function runs(pid: number, directory: string): boolean {
  const script = commandOf(pid).find(argument => /^process\.[jt]s$/.test(basename(argument)))
  return script !== undefined && basename(dirname(script)) === directory
}

function commandOf(pid: number): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
  } catch {
    return []
  }
}

function childrenOf(parent: number): number[] {
  const pids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return pids.map(Number).filter(pid => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
      // The fields after the name, which may hold anything, in parentheses: state, parent, …
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]) === parent
    } catch {
      return false
    }
  })
}
