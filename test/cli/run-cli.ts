import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

/** What is published, made by `npm run build`. */
export const CLI: string = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))
if (!existsSync(CLI)) throw new Error('dist/cli/main.js is missing: run `npm run build` first')

export interface CliResult {
  readonly exit: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunCliOptions {
  readonly env?: Readonly<Record<string, string>>
}

/** A directory with a small database in `data/chame.db`, gone when disposed. */
export interface Workplace extends Disposable {
  readonly directory: string
  readonly databasePath: string
  path(...parts: string[]): string
  cli(args: readonly string[], options?: RunCliOptions): Promise<CliResult>
  /** Runs with `--json`, expects exit code 0, and returns the document. */
  json(args: readonly string[]): Promise<Record<string, unknown>>
}

export function openWorkplace(): Workplace {
  const directory = mkdtempSync(join(tmpdir(), 'chame-cli-'))
  const path = (...parts: string[]): string => join(directory, ...parts)
  mkdirSync(path('data'))
  const databasePath = path('data', 'chame.db')
  fillDatabase(databasePath)
  const cli: Workplace['cli'] = (args, options = {}) =>
    runCli(args, { cwd: directory, env: options.env ?? {} })
  return {
    directory,
    databasePath,
    path,
    cli,
    async json(args) {
      const result = await cli([...args, '--json'])
      expect(result).toMatchObject({ exit: 0, stderr: '' })
      return JSON.parse(result.stdout) as Record<string, unknown>
    },
    [Symbol.dispose]() {
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export function fillDatabase(path: string): void {
  const database = new DatabaseSync(path)
  database.exec(`
    PRAGMA journal_mode = wal;
    CREATE TABLE messages (id INTEGER PRIMARY KEY, body TEXT NOT NULL);
    CREATE TABLE users (name TEXT PRIMARY KEY) WITHOUT ROWID;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500)
    INSERT INTO messages (body) SELECT 'message ' || i FROM n;
    INSERT INTO users VALUES ('admin'), ('guest');
  `)
  database.close()
}

export function countMessages(path: string): number {
  const database = new DatabaseSync(path, { readOnly: true })
  try {
    return Number(database.prepare('SELECT count(*) AS count FROM messages').get()?.['count'])
  } finally {
    database.close()
  }
}

/** This process's environment, without what would change the CLI's answers. */
export function cleanEnvironment(extra: Readonly<Record<string, string>> = {}): Record<string, string> {
  const kept = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && !/^(CHAME_BACKUP_|NO_COLOR|FORCE_COLOR|NODE_OPTIONS|TERM$)/.test(entry[0]),
  )
  return { ...Object.fromEntries(kept), TERM: 'xterm-256color', ...extra }
}

export function runCli(
  args: readonly string[],
  { cwd, env }: { cwd: string; env: Readonly<Record<string, string>> },
): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [CLI, ...args], {
      cwd,
      env: cleanEnvironment(env),
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const output = { stdout: '', stderr: '' }
    child.stdout.setEncoding('utf8').on('data', text => (output.stdout += text))
    child.stderr.setEncoding('utf8').on('data', text => (output.stderr += text))
    child.on('error', reject)
    child.on('close', exit => resolve({ exit, ...output }))
  })
}
