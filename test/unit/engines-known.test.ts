import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { DatabaseCore } from '../../src/database-core.ts'
import { processTree } from '../server/serve-process.ts'
import { buildDatabase } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const BACKUPS = 8

/** Bytes that a process has written so far, to whatever. */
function written(pid: number): number {
  return Number(/^wchar: (?<bytes>\d+)$/m.exec(readFileSync(`/proc/${pid}/io`, 'utf8'))?.groups?.['bytes'])
}

testWith(
  ['linux'],
  'backups that begin while the last one is noted are made by one engine, which knows the directory',
  async () => {
    const directory = temporaryDirectory()
    const path = join(directory, 'app.db')
    buildDatabase(path, 'CREATE TABLE files (content); INSERT INTO files VALUES (zeroblob(500000))')
    const before = new Set(processTree(process.pid))
    const core = new DatabaseCore({ path, backupDir: join(directory, 'backups'), timeZone: 'UTC' })
    const notes: Promise<unknown>[] = []
    const create = async (): Promise<void> => {
      const done = Promise.withResolvers<void>()
      notes.push(core.run('create', { backupType: 'manual' }, done.resolve))
      await done.promise
    }
    const enginesNow = (): number[] =>
      processTree(process.pid).filter(
        pid =>
          !before.has(pid) && /engine\/process\.[jt]s/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')),
      )
    // The first start engines: one for backups, and one that notes them meanwhile, unless that is done at once.
    while (enginesNow().length < 2) await create()
    await Promise.all(notes)
    const engines = enginesNow()
    expect(engines).toHaveLength(2)
    const at = engines.map(written)
    for (let number = 0; number < BACKUPS; number++) await create()
    expect(await Promise.all(notes)).toEqual(
      Array(notes.length).fill(expect.objectContaining({ success: true })),
    )
    const [less = 0, more = 0] = engines
      .map((pid, index) => written(pid) - (at[index] ?? 0))
      .toSorted((a, b) => a - b)
    const image = readFileSync(path).length
    expect(more).toBeGreaterThan(BACKUPS * image)
    expect(less).toBeLessThan(image)
  },
)
