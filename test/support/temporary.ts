import { chmodSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A new directory, removed with all its content when the running test ends. Mode 0755, so that tests can drop privileges. */
export function temporaryDirectory(): string {
  // Resolved: on some systems the temporary directory is itself a link.
  const directory = realpathSync(mkdtempSync(join(tmpdir(), 'chame-test-')))
  chmodSync(directory, 0o755)
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** The audit log and what belongs to it, which every operation that changes something adds to. */
function isAudit(path: string): boolean {
  return ['audit.jsonl', 'audit.head', '.chame-audit.lock'].includes(basename(path))
}

/** Every file and directory below `directory` but the audit log's, by relative path, sorted; none when it does not exist. */
export function filesBelow(directory: string): string[] {
  try {
    const all = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    return all.filter(path => !isAudit(path)).toSorted()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}

/** The files below a backup directory that hold something: no directories, no lock file, nothing of the audit log. */
export function storedFiles(backupDir: string): string[] {
  const all = readdirSafely(backupDir)
  return all.filter(name => !name.startsWith('.chame-backup.lock') && !isAudit(name)).toSorted()
}

function readdirSafely(directory: string): string[] {
  try {
    return readdirSync(directory, { recursive: true, withFileTypes: true })
      .filter(entry => !entry.isDirectory() || entry.name.startsWith('.'))
      .map(entry => join(entry.parentPath, entry.name).slice(directory.length + 1))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
    throw error
  }
}
