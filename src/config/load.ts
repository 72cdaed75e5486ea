import { readFile, stat } from 'node:fs/promises'
import { dirname, extname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { BackupError } from '../errors.ts'
import { isNotThere } from '../storage/io-errors.ts'
import type { Config } from './config.ts'

/** Looked for in the working directory, in this order. */
const CONFIG_FILES: readonly string[] = [
  'chame-backup.config.ts',
  'chame-backup.config.js',
  'chame-backup.config.json',
]

export interface LoadedConfig {
  readonly config: Config
  /** Relative paths in the configuration start here. */
  readonly directory: string
  /** Null when there is no configuration file. */
  readonly file: string | null
}

/**
 * Reads the configuration file: `explicit` if given, else the first of {@link CONFIG_FILES} in
 * `workingDirectory`, else an empty configuration. Throws `CONFIG_INVALID`.
 */
export async function loadConfig(workingDirectory: string, explicit?: string): Promise<LoadedConfig> {
  const file = await findConfigFile(workingDirectory, explicit)
  if (file === null) return { config: {}, directory: workingDirectory, file: null }
  const value = await readConfig(file)
  // Loaded only for a file that there is: zod takes longer to load than a small backup takes to make.
  const { parseConfig } = await import('./schema.ts')
  const parsed = parseConfig(value)
  if ('config' in parsed) return { config: parsed.config, directory: dirname(file), file }
  throw new BackupError('CONFIG_INVALID', `Configuration is not valid: ${file}\n${parsed.problems}`, {
    hint: 'Correct the keys named above; docs/getting-started.md lists all of them.',
    path: file,
  })
}

/** The path that {@link loadConfig} reads; null when there is no configuration file. */
export async function findConfigFile(directory: string, explicit?: string): Promise<string | null> {
  if (explicit !== undefined) return resolve(directory, explicit)
  for (const name of CONFIG_FILES) {
    const file = join(directory, name)
    const there = await stat(file).catch((error: unknown) => {
      if (isNotThere(error)) return null
      throw unreadable(file, error)
    })
    if (there !== null) return file
  }
  return null
}

async function readConfig(file: string): Promise<unknown> {
  try {
    if (extname(file) === '.json') return JSON.parse(await readFile(file, 'utf8'))
    // A module is loaded once per address; with its time in it a changed one is loaded again.
    const url = pathToFileURL(file)
    url.searchParams.set('changed', String((await stat(file)).mtimeMs))
    const module: { default?: unknown } = await import(url.href)
    if (module.default === undefined) throw new Error('it has no default export')
    return module.default
  } catch (error) {
    throw unreadable(file, error)
  }
}

function unreadable(file: string, error: unknown): BackupError {
  const why = isNotThere(error)
    ? 'there is no such file'
    : error instanceof Error
      ? error.message
      : String(error)
  return new BackupError('CONFIG_INVALID', `Configuration could not be read: ${file}: ${why}`, {
    hint: 'Check the path, and that it is JSON or a module with a default export.',
    path: file,
    cause: error,
  })
}
