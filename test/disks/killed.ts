/** Processes that were killed while a disk kept them in the kernel. */
import { readdirSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** SIGKILL is the ninth signal: its bit in a mask of pending ones. */
const KILLED = 1n << 8n

/** Waits until every process of this test run that was killed has ended: what it was in the middle of is then done. */
export async function untilKilledHaveEnded(): Promise<void> {
  while (processes().some(isKilled)) await sleep(10)
}

function processes(): string[] {
  const ours = groupOf(String(process.pid))
  return readdirSync('/proc').filter(name => /^\d+$/.test(name) && groupOf(name) === ours)
}

/** A child stays in its process group, even when its parent has ended. */
function groupOf(pid: string): string | undefined {
  const stat = read(`/proc/${pid}/stat`)
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]
}

/** A killed process keeps its threads until each has returned from the kernel. */
function isKilled(pid: string): boolean {
  return threadsOf(pid).some(thread => {
    const status = read(`/proc/${pid}/task/${thread}/status`)
    const masks = [...status.matchAll(/^(?:SigPnd|ShdPnd):\s+([0-9a-f]+)$/gm)]
    return masks.some(([, mask]) => (BigInt(`0x${mask}`) & KILLED) !== 0n)
  })
}

function threadsOf(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`)
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
