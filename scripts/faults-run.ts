/** A run of the fault harness, kept in a directory, so that it can be made in parts. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figure } from '../test/faults/figures.ts'
import type { NotedTest } from './passed-tests.ts'

export interface Extent {
  readonly seed: string
  readonly isSelection: boolean
  readonly soakMinutes: string
  /** The test files that it is of, by parts of their paths; null: all. */
  readonly only: string | null
}

interface Part {
  readonly day: string
  /** What was tested: the commit, with a + where files differ from it. */
  readonly commit: string
}

export class FaultsRun {
  readonly directory: string
  readonly extent: Extent
  readonly #parts: readonly Part[]
  /** Every test of it has been run, or left out because it had passed. */
  #isWhole = false

  private constructor(directory: string, extent: Extent, parts: readonly Part[]) {
    this.directory = directory
    this.extent = extent
    this.#parts = [...parts, { day: new Date().toISOString().slice(0, 10), commit: commit() }]
    mkdirSync(this.#figures, { recursive: true })
    writeFileSync(join(directory, 'run.json'), JSON.stringify({ extent, parts: this.#parts }))
  }

  /** Begins a run; one that was there before is forgotten. */
  static begin(directory: string, extent: Extent): FaultsRun {
    rmSync(directory, { recursive: true, force: true })
    return new FaultsRun(directory, extent, [])
  }

  /** Goes on with a run, as it was begun; null when there is none. */
  static resume(directory: string): FaultsRun | null {
    const path = join(directory, 'run.json')
    if (!existsSync(path)) return null
    const { extent, parts } = JSON.parse(readFileSync(path, 'utf8')) as { extent: Extent; parts: Part[] }
    return new FaultsRun(directory, extent, parts)
  }

  /** What tells tests where to leave their figures, and the reporter its notes. */
  get environment(): Readonly<Record<string, string>> {
    const { seed, isSelection, soakMinutes } = this.extent
    return {
      FAULTS: isSelection ? 'selection' : 'all',
      FAULT_SEED: seed,
      FAULT_SOAK_MINUTES: soakMinutes,
      // Of kills whose rounds are not the harness's: as many as there are changes to be killed at.
      ...(isSelection ? {} : { CHAME_KILL_ROUNDS: '300', CHAME_KILLS: '100' }),
      FAULT_FIGURES: this.#figures,
      FAULT_TESTS: this.#notes,
    }
  }

  /** Of these files those with a test that has still to pass. */
  filesLeft(files: readonly string[]): readonly string[] {
    const tests = Map.groupBy(this.#tests(), ({ file }) => file)
    return files.filter(file => tests.get(file)?.every(({ isPassed }) => isPassed) !== true)
  }

  /** Matches the full names of the tests that have still to pass in the files that are left; null when none has passed. */
  get pattern(): string | null {
    const files = new Set(this.filesLeft(this.#tests().map(({ file }) => file)))
    const tests = this.#tests().filter(({ file }) => files.has(file))
    // A name that another file has, too, is left out once both have passed.
    const left = new Set(tests.filter(({ isPassed }) => !isPassed).map(({ name }) => name))
    const passed = new Set(tests.filter(({ name }) => !left.has(name)).map(({ name }) => name))
    return passed.size === 0 ? null : `^(?!(?:${[...passed].map(escapeForPattern).join('|')})$)`
  }

  /** Notes that the last part went to its end, and over all files. */
  markWhole(): void {
    this.#isWhole = true
  }

  /** Whether it was of all that there is, to its end. */
  get isOfEverything(): boolean {
    return this.#isWhole && this.extent.only === null
  }

  readFigures(): Map<Figure['group'], Figure[]> {
    const paths = readdirSync(this.#figures)
      .toSorted()
      .map(name => join(this.#figures, name))
    const figures = paths.map(path => JSON.parse(readFileSync(path, 'utf8')) as Figure)
    return Map.groupBy(figures, ({ group }) => group)
  }

  /** What figures are of: when, how much of the harness, with which seed, of what. */
  describe(): string {
    const { seed, isSelection, only } = this.extent
    const all = isSelection ? 'a selection' : 'everything'
    const passed = this.#tests().filter(({ isPassed }) => isPassed).length
    const days = [...new Set(this.#parts.map(({ day }) => day))]
    const commits = [...new Set(this.#parts.map(each => each.commit))]
    return [
      days.length === 1 ? days[0] : `${days[0]} to ${days.at(-1)}`,
      only === null ? all : `${all} of ${only}`,
      ...(this.#isWhole ? [] : [`${passed} tests so far`]),
      ...(this.#parts.length > 1 ? [`in ${this.#parts.length} parts`] : []),
      `seed ${seed}`,
      `commit${commits.length === 1 ? '' : 's'} ${commits.join(', ')}`,
    ].join(', ')
  }

  get #figures(): string {
    return join(this.directory, 'figures')
  }

  get #notes(): string {
    return join(this.directory, 'tests.jsonl')
  }

  /** Every test that was seen, and whether it has passed in any part. */
  #tests(): NotedTest[] {
    const lines = existsSync(this.#notes) ? readFileSync(this.#notes, 'utf8').split('\n').filter(Boolean) : []
    const tests = new Map<string, NotedTest>()
    for (const test of lines.map(line => JSON.parse(line) as NotedTest)) {
      const key = `${test.file} ${test.name}`
      if (test.isPassed || !tests.has(key)) tests.set(key, test)
    }
    return [...tests.values()]
  }
}

function escapeForPattern(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`)
}

function commit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim()
  try {
    // The page that a part has written is no difference.
    const changes = git('status', '--porcelain', '--', 'src', 'test', 'scripts', 'package-lock.json')
    return `${git('rev-parse', '--short', 'HEAD')}${changes === '' ? '' : '+'}`
  } catch {
    return 'unknown'
  }
}
