/** Running rclone: no shell, no secret among its arguments, its words kept short. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import { cancelled } from '../../../errors.ts'
import { noRclone, RcloneFailed } from './failure.ts'

export interface Rclone {
  /** Of the target. */
  readonly name: string
  readonly program: string
  /** As rclone writes it: `remote:path`. */
  readonly remote: string
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Tries of its own would not know our deadline; a few are left for what is below one request. */
const OPTIONS = [
  '--retries=1',
  '--low-level-retries=3',
  '--contimeout=10s',
  '--timeout=60s',
  '--use-json-log=false',
]
/** What it says at the end tells why it failed. */
const WORDS_MAX = 8192

export interface Running extends AsyncDisposable {
  readonly stdin: Writable
  readonly stdout: Readable
  /** Resolves once it has ended well; throws {@link RcloneFailed}, `CANCELLED`, or that there is no such program. */
  readonly ended: Promise<void>
}

/** Where a key, or a directory of keys, is for rclone. Never begins with `-`, as no remote does. */
export function placeOf({ remote }: Pick<Rclone, 'remote'>, key: string): string {
  if (key === '') return remote
  return /[:/]$/.test(remote) ? `${remote}${key}` : `${remote}/${key}`
}

export function startRclone(rclone: Rclone, words: readonly string[], signal: AbortSignal): Running {
  const child = spawn(rclone.program, [...OPTIONS, ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...rclone.environment, RCLONE_ASK_PASSWORD: 'false' },
  })
  const cancel = (): void => void child.kill('SIGTERM')
  signal.addEventListener('abort', cancel, { once: true })
  const ended = endOf(rclone, child, signal).finally(() => signal.removeEventListener('abort', cancel))
  ended.catch(() => {})
  // It may end before it has read everything, and says why by its exit code.
  child.stdin.on('error', () => {})
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    ended,
    async [Symbol.asyncDispose]() {
      child.stdin.destroy()
      child.stdout.destroy()
      child.kill('SIGTERM')
      await ended.catch(() => {})
    },
  }
}

async function endOf(rclone: Rclone, child: ChildProcess, signal: AbortSignal): Promise<void> {
  let words = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    words = (words + text).slice(-WORDS_MAX)
  })
  let exit: number | null
  try {
    ;[exit] = (await once(child, 'close')) as [number | null]
  } catch {
    throw noRclone(rclone.name, rclone.program)
  }
  if (signal.aborted) throw cancelled()
  if (exit !== 0) throw new RcloneFailed(exit, words)
}

/** Runs it to its end and returns what it printed. */
export async function runRclone(
  rclone: Rclone,
  words: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  await using running = startRclone(rclone, words, signal)
  running.stdin.end()
  let text = ''
  for await (const chunk of running.stdout.setEncoding('utf8')) text += String(chunk)
  await running.ended
  return text
}
