/** A program that is killed in the middle of leaving or entering WAL mode: a hot journal brings the mode back. */
import { existsSync } from 'node:fs'
import { expect } from 'vitest'
import {
  BACKED_UP,
  backUpThenChange,
  expectCommit,
  NOW,
  openScene,
  pragmaOf,
  restored,
  succeeded,
  treeOf,
} from '../restore/scene.ts'
import { testWith } from '../support/requirements.ts'
import { runUnderShim, SHIM_NEEDS } from './shim.ts'

const SWITCH = `
  import { DatabaseSync } from 'node:sqlite'
  new DatabaseSync(process.argv[1]).exec('PRAGMA journal_mode = ' + process.argv[2])
`

for (const [from, to] of [
  ['wal', 'delete'],
  ['delete', 'wal'],
] as const) {
  testWith(
    SHIM_NEEDS,
    `a database whose program was killed while it went from ${from} to ${to} can be backed up and restored`,
    async () => {
      const scene = openScene()
      const created = await backUpThenChange(scene, { now: { journalMode: from } })
      const journal = `${scene.databasePath}-journal`
      const args = ['--input-type=module', '--eval', SWITCH, '--', scene.databasePath, to]
      for (let at = 1; !existsSync(journal); at++) {
        // The journal is removed last, when the new mode is in the file already.
        const killed = { paths: [journal], calls: ['name'], event: { kind: 'kill' }, at } as const
        expect((await runUnderShim(args, killed)).signal).toBe('SIGKILL')
      }
      const before = treeOf(scene.path('data'))
      const { backupPath, metadata, snapshotWay } = succeeded(await scene.product().createBackup())
      expect(snapshotWay).toBe('recovered')
      expect(metadata.journal_mode).toBe(from)
      expectCommit(backupPath, NOW)
      expect(pragmaOf(backupPath, 'journal_mode')).toBe(from)
      expect(treeOf(scene.path('data'))).toMatchObject(before)

      restored(await scene.product().restoreBackup(created.filename, { confirm: true }))
      expectCommit(scene.databasePath, BACKED_UP)
    },
  )
}
