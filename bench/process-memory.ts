/** What /proc says of processes. */
import { readFileSync } from 'node:fs'

/** The processes that a process started; none when it has ended. */
export function childrenOf(pid: number): number[] {
  return readProc(`${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number)
}

/** The most that was ever resident; 0 for a process that has ended. */
export function peakMegabytes(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readProc(`${pid}/status`))?.[1] ?? 0) / 1024
}

/** What processes have in memory now, pages that they share counted once. */
export function togetherMegabytes(pids: readonly number[]): number {
  const all = pids.map(pid => {
    const rollup = readProc(`${pid}/smaps_rollup`)
    const of = (name: string): number =>
      Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(rollup)?.[1] ?? 0) / 1024
    const own = of('Private_Clean') + of('Private_Dirty')
    return { own, shared: of('Rss') - own }
  })
  return all.reduce((sum, { own }) => sum + own, 0) + Math.max(0, ...all.map(({ shared }) => shared))
}

function readProc(path: string): string {
  try {
    return readFileSync(`/proc/${path}`, 'utf8').trim()
  } catch {
    return ''
  }
}
