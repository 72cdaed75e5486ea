/** What Node writes into `NODE_V8_COVERAGE`: a file for each process and thread, when it ends. */
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** Longer than an engine outlives its host. */
const END_MS = 60_000

/** How often what stands at each offset of a script was run. */
export type Hits = Float64Array

/** Reads and deletes the files while the run goes on, because there are thousands. */
export class CoverageFiles {
  /** By path of the script, over all files so far. */
  readonly hits: Map<string, Hits> = new Map()
  count = 0
  readonly #directory: string
  readonly #below: readonly string[]

  /** @param below directories, each ending in a slash, whose scripts are of interest */
  constructor(directory: string, below: readonly string[]) {
    this.#directory = directory
    this.#below = below
  }

  /** Reads the files that are complete. */
  read(): void {
    for (const name of readdirSync(this.#directory)) {
      const file = join(this.#directory, name)
      const scripts = parse(readFileSync(file, 'utf8'))
      if (scripts === null) continue
      rmSync(file)
      this.count++
      for (const { url, functions } of scripts) {
        const path = url.startsWith('file:') ? fileURLToPath(url) : ''
        if (this.#below.some(directory => path.startsWith(directory))) this.#add(path, hitsOf(functions))
      }
    }
  }

  /** Waits for the processes that outlive their test, such as idle engines, and reads what they wrote. */
  async readToTheEnd(): Promise<void> {
    const deadline = Date.now() + END_MS
    while (isWrittenTo(this.#directory) && Date.now() < deadline) await sleep(100)
    this.read()
    const torn = readdirSync(this.#directory)
    // A process that was killed while it wrote; it counts as one that was killed before.
    if (torn.length > 0) console.log(`Not complete, and left out: ${torn.join(', ')}`)
  }

  #add(path: string, hits: Hits): void {
    const [one, other] = [hits, this.hits.get(path) ?? new Float64Array()]
    const [longer, shorter] = one.length > other.length ? [one, other] : [other, one]
    for (const [offset, count] of shorter.entries()) longer[offset] = (longer[offset] ?? 0) + count
    this.hits.set(path, longer)
  }
}

/** V8 tells ranges within ranges: the innermost one around an offset has its count. */
function hitsOf(functions: readonly Profiler.FunctionCoverage[]): Hits {
  const ranges = functions.flatMap(({ ranges }) => ranges)
  const outerFirst = ranges.toSorted((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  const hits = new Float64Array(Math.max(0, ...ranges.map(({ endOffset }) => endOffset)))
  for (const { startOffset, endOffset, count } of outerFirst) hits.fill(count, startOffset, endOffset)
  return hits
}

/** Null while the file is still being written. */
function parse(text: string): Profiler.ScriptCoverage[] | null {
  try {
    return (JSON.parse(text) as { result: Profiler.ScriptCoverage[] }).result
  } catch {
    return null
  }
}

/** Whether a process is left that will write there when it ends. Asks Linux; elsewhere there is nobody to ask. */
function isWrittenTo(directory: string): boolean {
  return unlessGone(() => readdirSync('/proc'), [])
    .filter(name => /^\d+$/.test(name) && Number(name) !== process.pid)
    .some(pid =>
      unlessGone(() => readFileSync(`/proc/${pid}/environ`, 'utf8'), '').includes(
        `NODE_V8_COVERAGE=${directory}\0`,
      ),
    )
}

function unlessGone<T>(read: () => T, otherwise: T): T {
  try {
    return read()
  } catch {
    return otherwise
  }
}
