/** Compressed and encrypted backups, beside what one would type. */
import { writeFileSync } from 'node:fs'
import type { CheckLevel, Config, Encoding } from '../../src/index.ts'
import type { BenchContext } from '../bench-context.ts'
import { run } from '../command.ts'
import { must, startEngine } from '../contenders.ts'
import { type Contender, measure } from '../measure.ts'
import { atMost, type Group } from '../table.ts'
import { withRatios } from './create.ts'

/** Those of the contender. */
const ZSTD = { level: 1, threads: 2 } as const
const BY_HAND = 'cp, then zstd -1 -T2'

export async function encodings(database: string, context: BenchContext): Promise<Group> {
  await startEngine(database, context)
  const { recipient } = must(await context.product.generateKeys())
  const config: Config = { zstd: ZSTD, encryption: { recipients: [recipient] } }
  const file = context.path('encodings.config.json')
  writeFileSync(file, JSON.stringify(config))
  const results = await measure(
    [
      ...(context.hasZstd ? [byHand(database, context)] : []),
      create(database, file, 'zstd', 'none', context),
      create(database, file, 'zstd+age', 'none', context),
      create(database, file, 'zstd', 'quick', context),
      create(database, file, 'zstd+age', 'quick', context),
    ],
    { sizeBytes: context.options.sizeBytes, warm: [database], runs: context.options.runs },
    context,
  )
  context.remove(file)
  const plainGoal = nameOf('zstd', 'none')
  return {
    id: 'encodings',
    title: 'Compressed and encrypted backups of a database in WAL mode, level 1, two threads',
    unit: 'ms',
    baseline: context.hasZstd ? BY_HAND : plainGoal,
    rows: withRatios(results, context.hasZstd ? BY_HAND : plainGoal, {
      [plainGoal]: ({ ratioTo }) => (context.hasZstd ? [atMost(1, ratioTo(BY_HAND), ` ${BY_HAND}`)] : []),
      [nameOf('zstd+age', 'none')]: ({ ratioTo }) => [atMost(1.3, ratioTo(plainGoal), ` ${plainGoal}`)],
    }),
    notes: [
      'chame-backup also makes SHA-256 of the image and of what is stored; with check quick SQLite checks the image, and what is stored is read back and decoded.',
      ...(context.hasZstd ? [] : ['zstd is not installed: its row was skipped.']),
    ],
  }
}

function nameOf(encoding: Encoding, check: CheckLevel): string {
  return `chame-backup create, ${encoding}, check ${check}`
}

function create(
  path: string,
  config: string,
  encoding: Encoding,
  check: CheckLevel,
  context: BenchContext,
): Contender {
  const backupDir = context.path('ours')
  const backups = new context.product.Database({ path, backupDir, config })
  return {
    name: nameOf(encoding, check),
    run: async () => must(await backups.createBackup({ encoding, check })),
    after: () => context.remove(backupDir),
  }
}

function byHand(database: string, context: BenchContext): Contender {
  const copy = context.path('copy.db')
  return {
    name: BY_HAND,
    run: async () => {
      await run('cp', [database, copy])
      await run('zstd', ['-1', '-T2', '-q', copy, '-o', `${copy}.zst`])
      await run('sync', [`${copy}.zst`])
    },
    after: () => {
      context.remove(copy)
      context.remove(`${copy}.zst`)
    },
  }
}
