/** What a process and its children have done so far, as Linux's /proc tells it; nothing of the kind elsewhere. */
import { readdir, readFile } from 'node:fs/promises'

export interface Work {
  /** The process and its descendants. */
  readonly pids: readonly number[]
  /** Processor time of all of them. */
  readonly cpuMs: number
  /** Bytes that they made the disks read and write. */
  readonly diskBytes: number
}

/** Linux tells times in hundredths of a second, whatever the kernel's own clock is (proc(5), USER_HZ). */
const TICK_MS = 10
/** Places of utime and stime among the fields that follow the process's name in /proc/PID/stat. */
const UTIME = 11
const STIME = 12

/** Looks at a process tree. Only its first process, without figures, where there is no /proc. */
export async function workOf(pid: number): Promise<Work> {
  const children = await childrenOf(pid)
  const below = await Promise.all(children.map(workOf))
  const [cpuMs, diskBytes] = await Promise.all([cpuMsOf(pid), diskBytesOf(pid)])
  return {
    pids: [pid, ...below.flatMap(work => work.pids)],
    cpuMs: below.reduce((sum, work) => sum + work.cpuMs, cpuMs),
    diskBytes: below.reduce((sum, work) => sum + work.diskBytes, diskBytes),
  }
}

async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => [])
  const lists = await Promise.all(threads.map(thread => textOf(`/proc/${pid}/task/${thread}/children`)))
  return lists.flatMap(list => list.split(' ').filter(Boolean).map(Number))
}

async function cpuMsOf(pid: number): Promise<number> {
  const stat = await textOf(`/proc/${pid}/stat`)
  // The name stands in parentheses and may hold anything.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[UTIME] ?? 0) + Number(fields[STIME] ?? 0)) * TICK_MS
}

async function diskBytesOf(pid: number): Promise<number> {
  const matches = (await textOf(`/proc/${pid}/io`)).matchAll(/^(?:read|write)_bytes: (\d+)$/gm)
  return [...matches].reduce((sum, [, bytes]) => sum + Number(bytes), 0)
}

/** The content of a file in /proc; nothing when its process has ended or may not be looked at. */
function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
