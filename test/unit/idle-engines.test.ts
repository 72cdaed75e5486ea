import { dirname, join } from 'node:path'
import { expect } from 'vitest'
import { resolveSettings } from '../../src/config/settings.ts'
import { IdleEngines } from '../../src/engine/idle-engines.ts'
import { processTree } from '../server/serve-process.ts'
import { buildDatabase } from '../support/databases.ts'
import { testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'

testWith(
  ['linux'],
  'an engine process that nobody needs for a while ends with its SQLite process, and whoever needs one then gets another',
  async () => {
    const path = join(temporaryDirectory(), 'shop.db')
    buildDatabase(path, 'CREATE TABLE users (id INTEGER PRIMARY KEY)')
    const settings = resolveSettings({ config: {}, directory: dirname(path), file: null }, { path }, {}, '/')
    const before = new Set(processTree(process.pid))
    const started = (): number[] => processTree(process.pid).filter(pid => !before.has(pid))
    const idle = new IdleEngines(50)
    const engine = idle.take()
    const job = { name: 'describe', settings, request: {} } as const
    expect(await engine.run(job, {})).toMatchObject({ database: { tables: [{ name: 'users' }] } })
    expect(started()).toHaveLength(2)
    idle.put(engine)
    expect(idle.take()).toBe(engine)
    const second = idle.take()
    const third = idle.take()
    idle.put(second)
    idle.put(third)
    expect(idle.take(each => each === second)).toBe(second)
    // Better another one than a new one.
    expect(idle.take(each => each === second)).toBe(third)
    for (const each of [second, third]) each.stop()
    idle.put(engine)
    await expect.poll(started, { timeout: 30_000 }).toEqual([])
    const other = idle.take()
    expect(other).not.toBe(engine)
    expect(await other.run(job, {})).toMatchObject({ success: true })
    other.stop()
  },
)
