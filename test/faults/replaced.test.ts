/** A restore whose last flush fails: what was renamed is in its place, and may not stay. */
import { writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { BackupRestored, Failure } from '../../src/index.ts'
import { failedWith } from '../support/product.ts'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  openScene,
  removeDatabase,
  type Scene,
} from '../restore/scene.ts'
import { testWith } from '../support/requirements.ts'
import { type Fault, runUnderShim, SHIM_NEEDS } from './shim.ts'

const INDEX = new URL('../../src/index.ts', import.meta.url).href
const RESTORE = `
  import { writeSync } from 'node:fs'
  const { Database } = await import(${JSON.stringify(INDEX)})
  const [path, backupDir] = process.argv.slice(1)
  const database = new Database({ path, backupDir, engine: 'here' })
  writeSync(1, JSON.stringify(await database.restoreBackup('latest', { confirm: true })))
  process.exit(0)
`

for (const [what, ruin, said] of [
  ['nothing', removeDatabase, 'Nothing was there before'],
  ['no database', writeGarbage, 'kept as'],
] as const) {
  testWith(
    SHIM_NEEDS,
    `where ${what} was, it fails when the directory cannot be flushed, and says what is there`,
    async () => {
      const undisturbed = await ruinedScene(ruin)
      const { calls } = await restore(undisturbed)
      const at = 1 + calls.findLastIndex(({ path }) => path === undisturbed.path('data'))
      expect(at).toBeGreaterThan(0)
      const scene = await ruinedScene(ruin)
      const { stdout } = await restore(scene, { at, event: { kind: 'fail', errno: 'EIO', isSticky: false } })
      const { message, hint } = failedWith('RESTORE_FAILED', JSON.parse(stdout) as BackupRestored | Failure)
      expect(message).toContain('the restored database is in its place, but a power cut may undo that')
      expect(hint).toContain(said)
      expectCommit(scene.databasePath, BACKED_UP)
    },
  )
}

function writeGarbage(path: string): void {
  writeFileSync(path, 'no database, and too long for an empty one '.repeat(100))
}

async function ruinedScene(ruin: (path: string) => void): Promise<Scene> {
  const scene = openScene()
  await backUpThenChange(scene)
  removeDatabase(scene.databasePath)
  ruin(scene.databasePath)
  return scene
}

function restore(scene: Scene, fault: Partial<Fault> = {}): ReturnType<typeof runUnderShim> {
  const args = ['--input-type=module', '--eval', RESTORE, scene.databasePath, scene.backupDir]
  return runUnderShim(args, { paths: [scene.path('data')], calls: ['fsync'], ...fault })
}
