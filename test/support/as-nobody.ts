/** Acting in this process as a user who is not root; needs root. */
import { chownSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { NOBODY } from './requirements.ts'

/** Gives all of a directory to that user, but for one path that stays root's, and acts as him. */
export async function asNobody<T>(directory: string, closed: string, act: () => Promise<T>): Promise<T> {
  for (const path of ['', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })])
    chownSync(join(directory, path), NOBODY, NOBODY)
  chownSync(closed, 0, 0)
  process.seteuid?.(NOBODY)
  try {
    return await act()
  } finally {
    process.seteuid?.(0)
  }
}
