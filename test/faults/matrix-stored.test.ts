/** What stores, copies, converts and tries backups, also of pages, killed or without power at any of its system calls. */
import type { Attack } from './matrix.ts'
import type { Scenario } from './matrix-scenarios.ts'
import { STORED_SCENARIOS } from './matrix-stored-scenarios.ts'
import { attackTests } from './matrix-tests.ts'

const { add, createEncrypted, createCopied, convertZstd, drill, sync, schedule } = STORED_SCENARIOS
const { createBlocksFirst, createBlocksNext, convertBlocks, cleanupBlocks, restoreBlocks } = STORED_SCENARIOS

type Where = `${Attack['engine']} ${Attack['crash']}`

interface Row {
  readonly what: string
  readonly scenario: Scenario
  /** A selection makes the first alone. */
  readonly attacks: readonly Where[]
  readonly needs?: readonly string[]
}

const ROWS: readonly Row[] = [
  {
    what: 'An encrypted backup',
    scenario: createEncrypted,
    attacks: ['process ext4', 'here kill', 'here xfs'],
    needs: ['age'],
  },
  {
    what: 'A backup with a copy at a target',
    scenario: createCopied,
    attacks: ['here kill', 'here ext4', 'process xfs'],
  },
  { what: 'A sync', scenario: sync, attacks: ['here xfs', 'process kill', 'process ext4'] },
  {
    what: 'A conversion to zstd',
    scenario: convertZstd,
    attacks: ['here ext4', 'process kill', 'process xfs'],
  },
  { what: 'A drill', scenario: drill, attacks: ['process kill', 'here ext4', 'here xfs'] },
  {
    what: 'An addition of a file that was found',
    scenario: add,
    attacks: ['here ext4', 'process kill', 'process xfs'],
  },
  // The scheduler has its engines in processes of their own, always.
  {
    what: 'A run of the scheduler',
    scenario: schedule,
    attacks: ['process ext4', 'process kill', 'process xfs'],
  },
  {
    what: 'A first backup of pages',
    scenario: createBlocksFirst,
    attacks: ['here xfs', 'process kill', 'process ext4'],
  },
  {
    what: 'A backup of pages, of which most are stored,',
    scenario: createBlocksNext,
    attacks: ['process kill', 'here ext4', 'process xfs'],
  },
  {
    what: 'A conversion to pages',
    scenario: convertBlocks,
    attacks: ['here kill', 'process ext4', 'here xfs'],
  },
  {
    what: 'A cleanup that writes packs anew',
    scenario: cleanupBlocks,
    attacks: ['here ext4', 'process kill', 'process xfs'],
  },
  {
    what: 'A restore of a backup of pages',
    scenario: restoreBlocks,
    attacks: ['process kill', 'here ext4', 'process xfs'],
  },
]

for (const { what, scenario, attacks, needs } of ROWS) {
  const parsed = attacks.map(attack => {
    const [engine, crash] = attack.split(' ') as [Attack['engine'], Attack['crash']]
    return { engine, crash }
  })
  attackTests(what, scenario, parsed, needs)
}
