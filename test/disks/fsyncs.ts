/** Flushes and renames of a process and its descendants, as strace saw them, those that failed too. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export interface Flush {
  readonly isFsync: boolean
  /** What was flushed, or what got another name. */
  readonly path: string
  readonly hasFailed: boolean
}

/** Runs Node with `args`; returns the calls in the order in which they returned. */
export function fsyncsOf(args: readonly string[], traceFile: string): Flush[] {
  const calls = 'trace=fsync,fdatasync,rename,renameat,renameat2,link,linkat'
  const strace = ['-f', '-y', '-qq', '-o', traceFile, '-e', calls]
  const { status, stderr } = spawnSync('strace', [...strace, process.execPath, '--no-warnings', ...args], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return parse(readFileSync(traceFile, 'utf8'))
}

function parse(text: string): Flush[] {
  const begun = new Map<string, string>()
  const calls: Flush[] = []
  for (const line of text.split('\n')) {
    const [, pid = '', rest = ''] = /^(\d+)\s+(.*)$/.exec(line) ?? []
    if (rest.endsWith('<unfinished ...>')) begun.set(pid, rest)
    const whole = rest.startsWith('<...') ? `${begun.get(pid)}${rest}` : rest
    const path = /^\w+\(\d+<([^>]*)>/.exec(whole)?.[1] ?? /"([^"]*)"/.exec(whole)?.[1]
    if (path === undefined || !/\)\s+= -?\d/.test(whole)) continue
    calls.push({ isFsync: /^(?:fsync|fdatasync)\(/.test(whole), path, hasFailed: /\)\s+= -1 /.test(whole) })
  }
  return calls
}
