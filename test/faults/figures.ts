/** The figures of a run: printed, and kept for the table in docs/reliability.md when `npm run faults` asks for them. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** One row of the table: what was attacked, how, how often, and what came of it. */
export interface Figure {
  /** The group it is published under. */
  readonly group:
    | 'Kill'
    | 'Power cut'
    | 'Reordered writes'
    | 'Second crash'
    | 'Mutants'
    | 'Failing calls'
    | 'Full, failing and frozen disks'
    | 'Malformed databases'
    | 'Actions'
    | 'Races'
    | 'Soak'
  /** What exactly, such as "create, WAL, engine in a child, ext4". Unique in its group. */
  readonly what: string
  /** How many points, images, rounds or minutes. */
  readonly count: number
  readonly unit: 'points' | 'runs' | 'images' | 'rounds' | 'minutes' | 'mutants'
  /** What came of it, in a few words: "612 old, 8 new, 0 mixed". */
  readonly outcome: string
}

/** Prints the figure; `npm run faults` also collects it. */
export function publish(figure: Figure): void {
  console.info(`${figure.group}: ${figure.what}: ${figure.count} ${figure.unit}: ${figure.outcome}`)
  const directory = process.env['FAULT_FIGURES']
  if (directory === undefined) return
  mkdirSync(directory, { recursive: true })
  const name = `${figure.group} ${figure.what}`.replaceAll(/[^a-zA-Z0-9]+/g, '-')
  writeFileSync(join(directory, `${name}.json`), JSON.stringify(figure))
}
