/** What an export makes of a malformed database: all of it, what could be read of it, or nothing and why. */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Database, type DataExported, type Failure } from '../../src/index.ts'
import type { MalformedImage } from './images.ts'
import { brokenFailure, inTime, quickToGiveUp } from './judge.ts'

export interface ExportJudgement {
  readonly whole: DataExported | Failure
  /** With `salvage`: what can be read. */
  readonly salvaged: DataExported | Failure
  /** What must never be, whatever the image is. */
  readonly broken: readonly string[]
}

/** A place for one image at a time, and the product beside it. */
export class ExportJudge {
  readonly #directory: string
  readonly #path: string
  readonly #output: string
  readonly #database: Database

  constructor(directory: string) {
    this.#directory = directory
    this.#path = join(directory, 'image.db')
    this.#output = join(directory, 'image.json')
    const config = quickToGiveUp(directory)
    this.#database = new Database({ path: this.#path, backupDir: join(directory, 'backups'), config })
  }

  async judge({ bytes }: MalformedImage): Promise<ExportJudgement> {
    for (const suffix of ['-wal', '-shm', '-journal']) rmSync(`${this.#path}${suffix}`, { force: true })
    writeFileSync(this.#path, bytes)
    const whole = await this.#export({ salvage: false })
    const salvaged = await this.#export({ salvage: true })
    const isSame = readFileSync(this.#path).equals(bytes)
    return {
      whole: whole.result,
      salvaged: salvaged.result,
      broken: [...whole.broken, ...salvaged.broken, ...(isSame ? [] : ['the source was changed'])],
    }
  }

  async #export({
    salvage,
  }: {
    readonly salvage: boolean
  }): Promise<{ readonly result: DataExported | Failure; readonly broken: readonly string[] }> {
    const result = await inTime(
      'export',
      this.#database.exportData({
        format: 'json',
        output: this.#output,
        includeSensitive: true,
        ...(salvage ? { salvage } : {}),
      }),
    )
    const broken = result.success ? brokenExport(result, this.#output) : this.#brokenRefusal(result)
    rmSync(this.#output, { force: true })
    return { result, broken: broken.map(what => `${salvage ? 'salvage' : 'export'}: ${what}`) }
  }

  /** Nothing has the name, and nothing is left of the work. */
  #brokenRefusal(failure: Failure): string[] {
    const work = readdirSync(this.#directory).filter(name => name.startsWith('.chame-work-'))
    return [
      ...brokenFailure(failure),
      ...(existsSync(this.#output) ? [`${failure.code}, and the export is there`] : []),
      ...work.map(name => `${failure.code}, and ${name} is left`),
    ]
  }
}

/** What was written is whole, and holds as many rows as were told of. */
function brokenExport({ rows, lost }: DataExported, output: string): string[] {
  try {
    const { tables } = JSON.parse(readFileSync(output, 'utf8')) as { tables: Record<string, unknown[]> }
    const found = Object.values(tables).reduce((sum, table) => sum + table.length, 0)
    return found === rows ? [] : [`it tells of ${rows} rows and holds ${found}; lost: ${lost.length}`]
  } catch (error) {
    return [`it is no JSON: ${String(error)}`]
  }
}

/** In one line, what came of each: codes, never SQLite's wording. */
export function exportClassOf({ whole, salvaged }: ExportJudgement): string {
  return `export ${classOf(whole)}, salvage ${classOf(salvaged)}`
}

function classOf(result: DataExported | Failure): string {
  if (!result.success) return result.code
  return result.lost.length === 0 ? 'whole' : 'in part'
}
