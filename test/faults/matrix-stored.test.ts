/** What stores, copies, converts and tries backups, killed or without power at any of its system calls. */
import { STORED_SCENARIOS } from './matrix-stored-scenarios.ts'
import { attackTests } from './matrix-tests.ts'

const { createEncrypted, createCopied, convertZstd, drill, sync, schedule } = STORED_SCENARIOS

attackTests(
  'An encrypted backup',
  createEncrypted,
  [
    { engine: 'process', crash: 'ext4' },
    { engine: 'here', crash: 'kill' },
    { engine: 'here', crash: 'xfs' },
  ],
  ['age'],
)
attackTests('A backup with a copy at a target', createCopied, [
  { engine: 'here', crash: 'kill' },
  { engine: 'here', crash: 'ext4' },
  { engine: 'process', crash: 'xfs' },
])
attackTests('A sync', sync, [
  { engine: 'here', crash: 'xfs' },
  { engine: 'process', crash: 'kill' },
  { engine: 'process', crash: 'ext4' },
])
attackTests('A conversion to zstd', convertZstd, [
  { engine: 'here', crash: 'ext4' },
  { engine: 'process', crash: 'kill' },
  { engine: 'process', crash: 'xfs' },
])
attackTests('A drill', drill, [
  { engine: 'process', crash: 'kill' },
  { engine: 'here', crash: 'ext4' },
  { engine: 'here', crash: 'xfs' },
])
// The scheduler has its engines in processes of their own, always.
attackTests('A run of the scheduler', schedule, [
  { engine: 'process', crash: 'ext4' },
  { engine: 'process', crash: 'kill' },
  { engine: 'process', crash: 'xfs' },
])
