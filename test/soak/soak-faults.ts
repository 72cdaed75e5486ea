/** The faults of a soak: each does its harm, undoes it where it lasts, and says which errors it excuses meanwhile. */
import { chmodSync, closeSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ErrorCode } from '../../src/index.ts'
import { descendantsOf, signal } from '../crash/processes.ts'
import { now } from './soak-clock.ts'
import type { World } from './soak-world.ts'

/**
 * What a fault may be blamed for, from when to when; `UNAUDITED`: what was done is not in the audit log, or not in its
 * head; `ENGINE_UNAUDITED`: the same of an operation whose engine is a process of its own.
 */
interface Excuse {
  readonly from: number
  to: number
  readonly codes: readonly (ErrorCode | 'INCOMPLETE' | 'KILLED' | 'UNAUDITED' | 'ENGINE_UNAUDITED')[]
}

/** A process that carries out operations was killed, or one that it had started. */
const KILLED = [
  'ENGINE_FAILED',
  'RESTORE_ROLLED_BACK',
  'RESTORE_FAILED',
  'KILLED',
  'ENGINE_UNAUDITED',
] as const
const FULL = ['INSUFFICIENT_SPACE', 'INCOMPLETE', 'RESTORE_ROLLED_BACK', 'UNAUDITED'] as const
/** Where SQLite only says that it cannot open a file, a second look finds the reason gone when the permission is back. */
const FORBIDDEN = [
  'PERMISSION_DENIED',
  'INCOMPLETE',
  'IO_FAILED',
  'RESTORE_ROLLED_BACK',
  'RESTORE_FAILED',
  'UNAUDITED',
] as const
/** A process that is killed while it is idle is missed only by the next operation. */
const AFTERMATH_US = 3_000_000
/** The engine of a host that is gone gives up after 30 s, whatever it is waiting for. */
const GONE_US = 60_000_000

export class Excuses {
  #excuses: Excuse[] = []

  /** Something that happens at once. */
  forKill(): void {
    this.#excuses.push({ from: now(), to: now() + AFTERMATH_US, codes: KILLED })
  }

  /** Something that lasts until the returned function is called. */
  while(kind: 'full' | 'forbidden'): () => void {
    const excuse: Excuse = { from: now(), to: Infinity, codes: kind === 'full' ? FULL : FORBIDDEN }
    this.#excuses.push(excuse)
    return () => (excuse.to = now())
  }

  /** Whether an operation that ran from `from` to now may have ended with `code`. */
  cover(code: string, from: number): boolean {
    return this.#excuses.some(excuse => excuse.to >= from && excuse.codes.some(excused => excused === code))
  }

  forgetBefore(time: number): void {
    this.#excuses = this.#excuses.filter(({ to }) => to >= time)
  }
}

/** The processes below `host` that run the product's module in that directory. */
export function processesOf(host: number, directory: 'engine' | 'sqlite'): number[] {
  return descendantsOf(host).filter(pid => {
    try {
      return new RegExp(`/${directory}/process\\.[jt]s\0`).test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
    } catch {
      return false
    }
  })
}

/** Waits until none of the product's processes among `pids` runs any more; answers those that run after a minute. */
export async function untilGone(pids: readonly number[]): Promise<number[]> {
  const deadline = now() + GONE_US
  for (;;) {
    const left = pids.filter(isRunning)
    if (left.length === 0 || now() > deadline) return left
    await sleep(5)
  }
}

function isRunning(pid: number): boolean {
  try {
    // Another program may have got the number meanwhile; one that has ended has no command line.
    return /\/process\.[jt]s\0/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8'))
  } catch {
    return false
  }
}

export async function fillDisk({ smallDisk }: World, excuses: Excuses, forMs: number): Promise<void> {
  if (smallDisk === null) return
  const filler = join(smallDisk, `filler-${now()}`)
  const end = excuses.while('full')
  const fd = openSync(filler, 'w', 0o600)
  try {
    for (const bytes of [Buffer.alloc(1 << 20), Buffer.alloc(4096)]) fill(fd, bytes)
    await sleep(forMs)
  } finally {
    closeSync(fd)
    rmSync(filler, { force: true })
    end()
  }
}

/** Writes until nothing more fits. */
function fill(fd: number, bytes: Buffer): void {
  try {
    while (writeSync(fd, bytes) > 0);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
  }
}

export async function takePermission(directory: string, excuses: Excuses, forMs: number): Promise<void> {
  const end = excuses.while('forbidden')
  chmodSync(directory, 0o000)
  try {
    await sleep(forMs)
  } finally {
    chmodSync(directory, 0o700)
    end()
  }
}

export async function stopFor(pid: number, forMs: number): Promise<void> {
  signal(pid, 'SIGSTOP')
  await sleep(forMs)
  signal(pid, 'SIGCONT')
}
