import type { BenchContext } from '../bench-context.ts'
import { quoted, run } from '../command.ts'
import { must, startEngine } from '../contenders.ts'
import { copyDatabase } from '../make-database.ts'
import { type Contender, measure } from '../measure.ts'
import { atMost, type Group } from '../table.ts'
import { withRatios } from './create.ts'

const SHELL = 'sqlite3 .restore'
const OURS = 'chame-backup restore'

/** Over a database of the same size that is there: verified, what was there backed up, the result compared. */
export function restoreOver(database: string, context: BenchContext): Promise<Group> {
  return restore(database, context, {
    id: 'restore',
    title: 'Restore over an existing database',
    isTargetThere: true,
    notes: [
      'chame-backup verifies the backup, keeps what is there, writes, and compares the result with the backup.',
      'sqlite3 only writes.',
    ],
  })
}

export function restoreMissing(database: string, context: BenchContext): Promise<Group> {
  return restore(database, context, {
    id: 'restore-missing',
    title: 'Restore where the database is missing',
    isTargetThere: false,
    notes: ['chame-backup verifies the backup and compares the result with it.'],
  })
}

interface Case {
  readonly id: string
  readonly title: string
  readonly isTargetThere: boolean
  readonly notes: readonly string[]
}

async function restore(
  database: string,
  context: BenchContext,
  { id, title, isTargetThere, notes }: Case,
): Promise<Group> {
  const backupDir = context.path('restore-backups')
  const { Database } = context.product
  await startEngine(database, context)
  const created = must(await new Database({ path: database, backupDir }).createBackup({ check: 'none' }))
  const target = context.path('restored.db')
  const prepare = (): void => {
    context.remove(target)
    if (isTargetThere) copyDatabase(database, target)
  }
  const clear = (): void => {
    context.remove(target)
    context.remove(context.path('restore-backups/pre_restore'))
  }
  const ours = new Database({ path: target, backupDir })
  const contenders: Contender[] = [
    {
      name: OURS,
      before: prepare,
      run: async () => must(await ours.restoreBackup(created.backupPath, { confirm: true })),
      after: clear,
    },
  ]
  if (context.hasSqlite) {
    contenders.push({
      name: SHELL,
      before: prepare,
      run: async () => {
        await run('sqlite3', [target, `.restore ${quoted(created.backupPath)}`])
        await run('sync', [target])
      },
      after: clear,
    })
  }
  try {
    const { sizeBytes, runs } = context.options
    const results = await measure(contenders, { sizeBytes, warm: [created.backupPath], runs }, context)
    return {
      id,
      title,
      unit: 'ms',
      baseline: context.hasSqlite ? SHELL : null,
      rows: withRatios(results, SHELL, {
        [OURS]: ({ ratioTo }) => [atMost(1.5, ratioTo(SHELL), ` ${SHELL}`)],
      }),
      notes,
    }
  } finally {
    context.remove(target)
    context.remove(backupDir)
  }
}
