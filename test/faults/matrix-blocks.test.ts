/** Backups of pages, and what is done with them, killed or without power at any of their system calls. */
import { STORED_SCENARIOS } from './matrix-stored-scenarios.ts'
import { attackTests } from './matrix-tests.ts'

const { createBlocksFirst, createBlocksNext, convertBlocks, cleanupBlocks, restoreBlocks } = STORED_SCENARIOS

attackTests('A first backup of pages', createBlocksFirst, [
  { engine: 'here', crash: 'xfs' },
  { engine: 'process', crash: 'kill' },
  { engine: 'process', crash: 'ext4' },
])
attackTests('A backup of pages, of which most are stored,', createBlocksNext, [
  { engine: 'process', crash: 'kill' },
  { engine: 'here', crash: 'ext4' },
  { engine: 'process', crash: 'xfs' },
])
attackTests('A conversion to pages', convertBlocks, [
  { engine: 'here', crash: 'kill' },
  { engine: 'process', crash: 'ext4' },
  { engine: 'here', crash: 'xfs' },
])
attackTests('A cleanup that writes packs anew', cleanupBlocks, [
  { engine: 'here', crash: 'ext4' },
  { engine: 'process', crash: 'kill' },
  { engine: 'process', crash: 'xfs' },
])
attackTests('A restore of a backup of pages', restoreBlocks, [
  { engine: 'process', crash: 'kill' },
  { engine: 'here', crash: 'ext4' },
  { engine: 'process', crash: 'xfs' },
])
