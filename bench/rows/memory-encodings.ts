/** Peak memory of each process of the product while it makes and restores encoded backups. */
import { writeFileSync } from 'node:fs'
import type { Config, Encoding } from '../../src/index.ts'
import type { BenchContext } from '../bench-context.ts'
import { must } from '../contenders.ts'
import { atMost, type Group, type Row } from '../table.ts'
import { peaksOf } from './memory.ts'

const ENCODINGS: readonly Encoding[] = ['zstd', 'zstd+age', 'blocks']
const LIMIT_MB = 200

export async function memoryOfEncodings(database: string, context: BenchContext): Promise<Group> {
  const identity = context.path('memory.key')
  const { recipient } = must(await context.product.generateKeys({ output: identity }))
  const plain = configFile('memory.config.json', {}, context)
  const encryption = { recipients: [recipient], identities: [{ file: identity }] }
  const encrypted = configFile('memory-encrypted.config.json', { encryption }, context)
  const rows: Row[] = []
  for (const encoding of ENCODINGS) {
    const backupDir = context.path('memory-backups')
    const to = context.path('memory-restored.db')
    const config = encoding === 'zstd+age' ? encrypted : plain
    for (const operation of ['create', 'restore'] as const) {
      context.say(`    ${operation} as ${encoding}`)
      const { engineMb, sqliteMb } = await peaksOf(
        { operation, database, backupDir, encoding, config, to },
        context,
      )
      for (const [process, megabytes] of [
        ['engine', engineMb],
        ['SQLite', sqliteMb],
      ] as const) {
        rows.push({
          name: `${operation}, ${encoding}: ${process} process`,
          samples: [megabytes],
          goals: [atMost(LIMIT_MB, megabytes, '', 'MB')],
        })
      }
    }
    context.remove(backupDir)
    context.remove(to)
  }
  for (const file of [identity, plain, encrypted]) context.remove(file)
  return {
    id: 'memory-encodings',
    title: 'Peak memory of each process, encoded backups',
    unit: 'MB',
    baseline: null,
    rows,
    notes: ['VmHWM of /proc: the most that was resident at any time, shared pages included.'],
  }
}

function configFile(name: string, config: Config, context: BenchContext): string {
  const file = context.path(name)
  writeFileSync(file, JSON.stringify(config))
  return file
}
