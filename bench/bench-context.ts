import { existsSync, mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as product from '../src/index.ts'
import { isInstalled } from './command.ts'
import type { Options } from './options.ts'

export type Product = typeof product

/** What every row is given. */
export interface BenchContext {
  readonly options: Options
  /** The library as it is built. */
  readonly product: Product
  /** The command line program, or null when this build has none. */
  readonly cli: string | null
  /** The built helpers for test suites, or null when this build has none. */
  readonly testing: string | null
  readonly hasSqlite: boolean
  readonly hasRestic: boolean
  readonly hasZstd: boolean
  /** A new path in the bench's directory, which is deleted at the end. */
  path(name: string): string
  /** Deletes what was made at `path`, side files too. */
  remove(path: string): void
  freeBytes(): number
  /** Says what goes on, on stderr. */
  say(text: string): void
}

/** Its files go when the process ends, be it by Ctrl-C. */
export async function openContext(options: Options): Promise<BenchContext> {
  const dist = resolve(options.dist)
  const library = join(dist, 'index.js')
  if (!existsSync(library)) throw new Error(`${library} is missing: run npm run build first`)
  const directory = mkdtempSync(join(resolve(options.directory), 'chame-bench-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130))
  const ifThere = (path: string): string | null => (existsSync(path) ? path : null)
  return {
    options,
    product: (await import(pathToFileURL(library).href)) as Product,
    cli: ifThere(join(dist, 'cli/main.js')),
    testing: ifThere(join(dist, 'testing/index.js')),
    hasSqlite: isInstalled('sqlite3', '--version'),
    hasRestic: isInstalled('restic', 'version'),
    hasZstd: isInstalled('zstd', '--version'),
    path: name => join(directory, name),
    remove: path => {
      for (const suffix of ['', '-wal', '-shm', '-journal'])
        rmSync(path + suffix, { recursive: true, force: true })
      mkdirSync(directory, { recursive: true })
    },
    freeBytes: () => {
      const { bavail, bsize } = statfsSync(directory)
      return bavail * bsize
    },
    say: text => void process.stderr.write(`${text}\n`),
  }
}
