/**
 * Running a program under shim.c: its system calls on given paths are counted across all its processes, and
 * at the n-th of them something happens. Needs Linux and a C compiler.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** What a test that uses the shim must ask for, see testWith. */
export const SHIM_NEEDS: readonly string[] = ['linux', 'cc']

export type FailingErrno =
  | 'ENOSPC'
  | 'EDQUOT'
  | 'EIO'
  | 'EMFILE'
  | 'ENFILE'
  | 'ENOMEM'
  | 'EXDEV'
  | 'EEXIST'
  | 'EROFS'
  | 'EACCES'
  | 'EPERM'

/** A group of system calls, as the shim names them in its log. */
export const CALLS = {
  write: ['write', 'ftruncate64', 'clone'],
  fsync: ['fsync', 'fdatasync'],
  rename: ['rename', 'link'],
  /** `make` is of a file that must not be there, `create` of one that may be. */
  open: ['open', 'create', 'make', 'readdir'],
  close: ['close'],
  read: ['read'],
  name: ['mkdir', 'rmdir', 'unlink', 'unlinkat'],
  mode: ['chmod', 'fchmod', 'chown', 'fchown'],
} as const

export type CallGroup = keyof typeof CALLS

/**
 * What happens at a call: the process that makes it is killed, or stopped while something is done behind
 * its back; the disk loses its power; the call fails, or does half.
 */
export type Event =
  | { readonly kind: 'kill' }
  | { readonly kind: 'stop'; readonly meanwhile: () => void }
  | { readonly kind: 'power'; readonly mountPoint: string }
  | { readonly kind: 'fail'; readonly errno: FailingErrno; readonly isSticky: boolean }
  | { readonly kind: 'short'; readonly isSticky: boolean }

export interface Fault {
  /** Directories whose files' calls count; real paths. */
  readonly paths: readonly string[]
  /** The calls that count. Default: all. */
  readonly calls?: readonly CallGroup[]
  /** What happens, and at which call, counted from 1. Default: nothing, the calls are only counted. */
  readonly event?: Event
  readonly at?: number
  /** Cuts the power of the event's mount point right after "success" was written to standard output. */
  readonly isAfterAnswer?: boolean
}

export interface SeenCall {
  readonly pid: number
  /** False for one of a kind that does not count; only a live shim tells of those. */
  readonly isCounted: boolean
  readonly call: string
  readonly path: string
  /** Whether the event happened here. */
  readonly isHit: boolean
}

export interface Run {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly calls: readonly SeenCall[]
  readonly child: ChildProcess
}

/**
 * Runs Node under the shim, in a process group of its own; returns when it has ended. Its children may
 * outlive it. `under` is a program and its first arguments that runs Node, such as strace.
 */
export async function runUnderShim(
  args: readonly string[],
  fault: Fault,
  under: readonly string[] = [],
): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), 'chame-shim-'))
  try {
    const log = join(directory, 'log')
    const state = join(directory, 'state')
    writeFileSync(log, '')
    writeFileSync(state, Buffer.alloc(8))
    const [command = '', ...rest] = [...under, process.execPath, '--no-warnings', ...args]
    const child = spawn(command, rest, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...settingsOf(fault), FAULT_LOG: log, FAULT_STATE: state, LD_PRELOAD: shim() },
    })
    if (fault.event?.kind === 'stop') void whenStopped(log, child, fault.event.meanwhile)
    const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>
    const [stdout, stderr, [code, signal]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      exited,
    ])
    return { stdout, stderr, code, signal, calls: parseLog(readFileSync(log, 'utf8')), child }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

async function whenStopped(log: string, child: ChildProcess, meanwhile: () => void): Promise<void> {
  while (child.exitCode === null && child.signalCode === null) {
    const hit = parseLog(readFileSync(log, 'utf8')).find(({ isHit }) => isHit)
    if (hit !== undefined && isStopped(hit.pid)) {
      meanwhile()
      process.kill(hit.pid, 'SIGCONT')
      return
    }
    await sleep(2)
  }
}

function isStopped(pid: number): boolean {
  return /^\d+ \(.*\) T/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
}

function settingsOf({ paths, calls, event, at = 0, isAfterAnswer = false }: Fault): Record<string, string> {
  const counted = calls?.flatMap(group => CALLS[group]).join(',')
  return {
    // Node opens its files from this many threads; one makes the order of calls repeatable.
    UV_THREADPOOL_SIZE: '1',
    FAULT_PATHS: paths.join(':'),
    FAULT_AT: String(at),
    FAULT_ACTION: event?.kind ?? '',
    FAULT_CALLS: counted ?? '',
    FAULT_MOUNT: event?.kind === 'power' ? event.mountPoint : '',
    FAULT_ERRNO: event?.kind === 'fail' ? String(errnoOf(event.errno)) : '',
    FAULT_STICKY: event !== undefined && 'isSticky' in event && event.isSticky ? '1' : '',
    FAULT_AFTER_ANSWER: isAfterAnswer ? '1' : '',
  }
}

export function errnoOf(name: FailingErrno): number {
  return constants.errno[name]
}

/** The calls in a log that the shim has written. */
export function parseLog(log: string): SeenCall[] {
  return log
    .split('\n')
    .filter(Boolean)
    .map(line => {
      const [, n, pid = '', call = '', mark, path = ''] = /^(\d+) (\d+) (\w+)(!?) (.*)$/s.exec(line) ?? []
      return { pid: Number(pid), isCounted: n !== '0', call, path, isHit: mark === '!' }
    })
}

let built: string | null = null

/** The compiled shim; compiled once for each content of its source. */
export function shim(): string {
  if (built !== null) return built
  const source = fileURLToPath(new URL('./shim/shim.c', import.meta.url))
  const hash = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const library = join(tmpdir(), `chame-shim-${process.getuid?.() ?? 0}-${hash}.so`)
  if (!existsSync(library)) {
    const making = `${library}.${process.pid}`
    const { status, stderr } = spawnSync('cc', ['-shared', '-fPIC', '-O2', '-o', making, source, '-ldl'], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new Error(`The shim could not be compiled: ${stderr}`)
    // Several test workers may do this at once; each puts a whole file in place.
    renameSync(making, library)
  }
  built = library
  return library
}
