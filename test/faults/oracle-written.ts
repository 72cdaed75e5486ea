/** The oracle's look at what an export or an import has written out: whole, or not there. Uses nothing of the product. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { NOW, type Scene } from '../restore/scene.ts'
import { assertIntact } from '../support/intact.ts'
import { firstLine, problemsUnless } from './oracle-stored.ts'

/** Where the scenarios let it be written, below the scene; each has a place of its own. */
export const WRITTEN = {
  json: 'out/app.json',
  csv: 'out/csv',
  parquet: 'out/parquet',
  database: 'out/new.db',
} as const

const PARQUET_MAGIC = 'PAR1'

export interface WrittenOut {
  readonly isThere: boolean
  readonly problems: readonly string[]
}

export function writtenOut(scene: Scene): WrittenOut {
  const looks: Readonly<Record<keyof typeof WRITTEN, (path: string) => readonly string[]>> = {
    json: problemsOfJson,
    csv: problemsOfCsv,
    parquet: problemsOfParquet,
    database: problemsOfDatabase,
  }
  const found = Object.entries(looks).flatMap(([kind, look]) => {
    const path = scene.path(WRITTEN[kind as keyof typeof WRITTEN])
    return existsSync(path) ? [problemsIn(path, look)] : []
  })
  const strangers = namesIn(scene.path('out')).filter(
    name => !name.startsWith('.chame-work-') && !Object.values(WRITTEN).some(path => path === `out/${name}`),
  )
  return {
    isThere: found.length > 0,
    problems: [...found.flat(), ...strangers.map(name => `out/${name} does not belong there`)],
  }
}

function problemsIn(path: string, look: (path: string) => readonly string[]): readonly string[] {
  try {
    return look(path)
  } catch (error) {
    return [`${path} is not whole: ${firstLine(error)}`]
  }
}

function problemsOfJson(path: string): string[] {
  const { tables } = JSON.parse(readFileSync(path, 'utf8')) as { tables: Record<string, unknown[]> }
  const [state] = tables['state'] as { commits: number }[]
  return [
    ...problemsUnless(state?.commits === NOW, `${path} is of commit ${state?.commits}`),
    ...problemsUnless(tables['log']?.length === NOW, `${path} has ${tables['log']?.length} lines of the log`),
  ]
}

function problemsOfCsv(path: string): string[] {
  const lines = readFileSync(join(path, 'log.csv'), 'utf8').trimEnd().split('\n')
  const names = readdirSync(path).filter(name => name.endsWith('.csv'))
  return [
    ...problemsUnless(lines.length === NOW + 1, `${path} has ${lines.length - 1} lines of the log`),
    ...problemsUnless(names.length === TABLES, `${path} has ${names.join()}`),
  ]
}

/** A file of Parquet ends with what says where everything is, and then its magic. */
function problemsOfParquet(path: string): string[] {
  const names = readdirSync(path).filter(name => name.endsWith('.parquet'))
  const cut = names.filter(name => {
    const bytes = readFileSync(join(path, name))
    return ![0, bytes.length - PARQUET_MAGIC.length].every(
      at => bytes.toString('latin1', at, at + PARQUET_MAGIC.length) === PARQUET_MAGIC,
    )
  })
  return [
    ...problemsUnless(names.length === TABLES, `${path} has ${names.join()}`),
    ...cut.map(name => `${path}/${name} is not whole`),
  ]
}

function problemsOfDatabase(path: string): string[] {
  const { commits } = assertIntact(path)
  return problemsUnless(commits === NOW, `${path} is of commit ${commits}`)
}

function namesIn(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : []
}

/** Of the ledger. */
const TABLES = 4
