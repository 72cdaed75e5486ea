/** The server as people start it: a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { onTestFinished } from 'vitest'

export interface Served {
  readonly url: string
  readonly child: ChildProcess
  readonly output: () => string
}

/** `chame-backup serve` as it is started by people. */
export async function serve(directory: string, more: readonly string[] = []): Promise<Served> {
  const main = new URL('../../dist/cli/main.js', import.meta.url).pathname
  const child = spawn(process.execPath, [main, 'serve', '--port', '0', '--path', 'shop.db', ...more], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  while (!/Listening on (\S+)\n/.test(output)) {
    if (child.exitCode !== null) throw new Error(output)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  return { url: /Listening on (\S+)\n/.exec(output)?.[1] ?? '', child, output: () => output }
}

/** What a process has in memory now. */
export function residentBytes(child: ChildProcess): number {
  return bytesOf(child, 'VmRSS')
}

/** The most that it has ever had. */
export function residentBytesMax(child: ChildProcess): number {
  return bytesOf(child, 'VmHWM')
}

function bytesOf({ pid }: ChildProcess, what: string): number {
  const [, kB] = new RegExp(`${what}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(kB) * 1024
}
