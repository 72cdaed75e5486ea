/** Where secrets are, and reading them: anew each time, so that a rotated one is used from then on. */
import { open } from 'node:fs/promises'
import { resolve } from 'node:path'

/** Where a secret is: never in the configuration itself. */
export type SecretConfig =
  | {
      /** Name of an environment variable. */
      env: string
    }
  | {
      /** Path of a file that holds nothing else, relative to the configuration file. */
      file: string
    }

export interface SecretPorts {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Where relative paths of secret files start. */
  readonly directory: string
}

/** What was found, or why nothing was: both lines are made to be shown, and hold nothing of the secret. */
export type FoundSecret = { readonly text: string } | { readonly problem: string; readonly hint: string }

/** No key or URL is longer; a path that leads to a disk must not be read to its end. */
const SECRET_BYTES_MAX = 16_384

/** The text of a secret without the white space around it. */
export async function findSecret(
  where: SecretConfig,
  { environment, directory }: SecretPorts,
): Promise<FoundSecret> {
  if ('file' in where) return findInFile(resolve(directory, where.file))
  const text = environment[where.env]?.trim() ?? ''
  if (text !== '') return { text }
  return {
    problem: `The environment variable ${where.env} is not set`,
    hint: 'Set it where chame-backup and its scheduler run.',
  }
}

async function findInFile(path: string): Promise<FoundSecret> {
  try {
    await using handle = await open(path, 'r')
    if (!(await handle.stat()).isFile()) throw new Error('not a file')
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(SECRET_BYTES_MAX), 0, SECRET_BYTES_MAX, 0)
    const text = buffer.toString('utf8', 0, bytesRead).trim()
    if (text !== '' && bytesRead < SECRET_BYTES_MAX) return { text }
  } catch {
    return {
      problem: `The secret file cannot be read: ${path}`,
      hint: 'Check its path and who may read it.',
    }
  }
  return {
    problem: `The secret file is empty, or no secret: ${path}`,
    hint: 'It must hold the secret and nothing else.',
  }
}

/** The environment variables that hold secrets of these configurations, so that whatever writes a log can look out for them. */
export function secretVariables(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  if ('env' in value && typeof value.env === 'string') return [value.env]
  return Object.values(value).flatMap(secretVariables)
}

export function nameOfSecret(where: SecretConfig): string {
  return 'env' in where ? `the environment variable ${where.env}` : `the file ${where.file}`
}
