/**
 * Timing contenders against each other. A machine's first touch of memory and the disk's write cache make
 * the same copy take several times as long, so before each run a file of the same size is written, flushed
 * and deleted, the contenders take turns, and the median counts.
 */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import type { BenchContext } from './bench-context.ts'
import { run } from './command.ts'

export interface Contender {
  readonly name: string
  /** Not timed. */
  readonly before?: () => unknown
  readonly run: () => Promise<unknown>
  /** Not timed: deletes what the run made. */
  readonly after?: () => unknown
}

export interface Samples {
  readonly name: string
  /** Milliseconds, in the order they were taken. */
  readonly samples: readonly number[]
}

export interface MeasureOptions {
  /** Bytes written before each run; 0 for contenders that write next to nothing. */
  readonly sizeBytes: number
  /** Read before each run, so that the cache is warm. */
  readonly warm?: readonly string[]
  readonly runs: number
}

const BLOCK = Buffer.alloc(1 << 20, 0x5a)

export async function measure(
  contenders: readonly Contender[],
  { sizeBytes, warm = [], runs }: MeasureOptions,
  context: BenchContext,
): Promise<Samples[]> {
  const results = contenders.map(({ name }) => ({ name, samples: [] as number[] }))
  for (let turn = 0; turn < runs; turn++) {
    for (const [i, contender] of contenders.entries()) {
      await contender.before?.()
      if (sizeBytes > 0) await settleDisk(context, sizeBytes)
      // In a process of its own: closing a file drops the locks that a connection of this process has on it.
      if (warm.length > 0) await run('cat', warm)
      const started = performance.now()
      await contender.run()
      const elapsed = performance.now() - started
      results[i]?.samples.push(elapsed)
      context.say(`    ${contender.name}: ${Math.round(elapsed)} ms`)
      await contender.after?.()
    }
  }
  return results
}

async function settleDisk(context: BenchContext, sizeBytes: number): Promise<void> {
  const path = context.path('settle')
  const fd = openSync(path, 'w')
  for (let done = 0; done < sizeBytes; done += BLOCK.length) writeSync(fd, BLOCK)
  fsyncSync(fd)
  closeSync(fd)
  rmSync(path)
  await run('sync', [])
}

export function median(samples: readonly number[]): number {
  return quantile(samples, 0.5)
}

/** The value below which the share `q` of the samples lies; between two samples, their mix. */
export function quantile(samples: readonly number[], q: number): number {
  const sorted = samples.toSorted((a, b) => a - b)
  const at = (sorted.length - 1) * q
  const low = sorted[Math.floor(at)] ?? Number.NaN
  return low + (at - Math.floor(at)) * ((sorted[Math.ceil(at)] ?? low) - low)
}
