import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const DIRECTORY = new URL('../../../shared/data/', import.meta.url)

/**
 * Databases that others wrote, as [name, path]. They lie beside the repository and are not part of it: without
 * them the list is empty, a note is printed, and the tests that use them have nothing to do.
 */
export function realDatabases(): [string, string][] {
  const all = ['chinook.db', 'northwind.db'].map((name): [string, string] => [
    name,
    fileURLToPath(new URL(name, DIRECTORY)),
  ])
  const there = all.filter(([, path]) => existsSync(path))
  if (there.length < all.length) {
    console.info(
      `Note: some real databases are not in ${fileURLToPath(DIRECTORY)}; tests with them are left out.`,
    )
  }
  return there
}
