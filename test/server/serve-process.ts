/** `chame-backup serve` as people start it: a process of its own, of which can be said what it takes. */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { onTestFinished } from 'vitest'

export interface Served {
  readonly url: string
  readonly child: ChildProcess
  readonly pid: number
  readonly output: () => string
}

const MAIN = new URL('../../dist/cli/main.js', import.meta.url).pathname

/** Serves what is configured in a directory, until the running test ends. */
export async function serveProcess(directory: string, more: readonly string[] = []): Promise<Served> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--port', '0', ...more], {
    cwd: directory,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  let output = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output += text))
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text))
  while (!/Listening on (\S+)\n/.test(output)) {
    if (child.exitCode !== null || child.pid === undefined) throw new Error(output)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  const url = /Listening on (\S+)\n/.exec(output)?.[1] ?? ''
  return { url, child, pid: child.pid ?? 0, output: () => output }
}

/** A process and all that it has started, as far as they are there. */
export function processTree(pid: number): number[] {
  const children = ifThere(() => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')) ?? ''
  const pids = children.split(' ').filter(text => text.trim() !== '')
  return [pid, ...pids.flatMap(text => processTree(Number(text)))]
}

/** Bytes that a process has in memory, and had at most. */
export function residentBytes(pid: number): { readonly now: number; readonly most: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const bytesOf = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024
  return { now: bytesOf('VmRSS'), most: bytesOf('VmHWM') }
}

/** Bytes that processes take together: what several of them share, such as Node's own program, counts once. */
export function togetherBytes(pids: readonly number[]): number {
  return sum(pids, pid => {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
    return Number(/^Pss:\s+(\d+) kB/m.exec(text)?.[1]) * 1024
  })
}

/** Processor time that processes have used, in ticks of 10 ms. */
export function cpuTicks(pids: readonly number[]): number {
  return sum(pids, pid => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The name in parentheses may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
}

/** Zero for a process that has ended meanwhile. */
function sum(pids: readonly number[], of: (pid: number) => number): number {
  return pids.reduce((total, pid) => total + (ifThere(() => of(pid)) ?? 0), 0)
}

function ifThere<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null
  }
}
