/** Which branches of a source file were taken: V8's counts, laid over the file's syntax tree. */
import { readdirSync, readFileSync } from 'node:fs'
import type { Profiler } from 'node:inspector'
import { stripTypeScriptTypes } from 'node:module'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import convert from 'ast-v8-to-istanbul'
import { parseAstAsync } from 'vitest/node'
import type { Hits } from './coverage-files.ts'

export interface FileBranches {
  readonly path: string
  readonly total: number
  readonly missed: readonly MissedBranch[]
}

interface MissedBranch {
  readonly line: number
  /** Which way was never gone, such as "if: else". */
  readonly what: string
  /** The line itself. */
  readonly text: string
}

/** The files of a directory; one that never ran counts with all its branches missed. */
export async function measureDirectory(
  directory: string,
  hits: ReadonlyMap<string, Hits>,
): Promise<FileBranches[]> {
  const paths = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => join(directory, name))
  return Promise.all(
    paths.toSorted().map(path => measure(path, hits.get(resolve(path)) ?? new Float64Array())),
  )
}

/** The ways of an `if`, a ternary, a `switch` and a logical expression, each counted by itself. */
async function measure(path: string, hits: Hits): Promise<FileBranches> {
  const source = readFileSync(path, 'utf8')
  // What Node runs: types are blanks there, so that every offset is the source's.
  const code = stripTypeScriptTypes(source)
  const url = pathToFileURL(resolve(path)).href
  const ast = await parseAstAsync(code)
  const converted = await convert({ code, ast, coverage: { url, functions: asFunctions(hits) } })
  const lines = source.split('\n')
  let total = 0
  const missed: MissedBranch[] = []
  for (const { branchMap, b } of Object.values(converted)) {
    for (const [id, { type, loc, locations }] of Object.entries(branchMap)) {
      // V8 does not tell whether a default value was used; it would always count as taken.
      if (type === 'default-arg') continue
      for (const [way, count] of (b[id] ?? []).entries()) {
        total++
        if (count > 0) continue
        const line = locations[way]?.start.line ?? loc.start.line
        missed.push({ line, what: `${type}: ${nameOf(type, way)}`, text: (lines[line - 1] ?? '').trim() })
      }
    }
  }
  return { path, total, missed }
}

/** The counts as V8 would tell them of a script without functions. */
function asFunctions(hits: Hits): Profiler.FunctionCoverage[] {
  const ranges: Profiler.CoverageRange[] = []
  for (const [offset, count] of hits.entries()) {
    const last = ranges.at(-1)
    if (last?.count === count) last.endOffset = offset + 1
    else ranges.push({ startOffset: offset, endOffset: offset + 1, count })
  }
  return [{ functionName: '', isBlockCoverage: true, ranges }]
}

function nameOf(type: string, way: number): string {
  if (type === 'if') return way === 0 ? 'then' : 'else'
  return `${way + 1}`
}
