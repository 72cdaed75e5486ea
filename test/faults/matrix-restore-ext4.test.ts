/** A restore whose disk loses its power at any of its system calls: a disk with ext4. */
import { SCENARIOS } from './matrix-scenarios.ts'
import { powerCutTest } from './matrix-tests.ts'

powerCutTest('A restore over a database in WAL mode', SCENARIOS.restoreWal, 'process', 'ext4')
powerCutTest('A restore over a database in WAL mode', SCENARIOS.restoreWal, 'here', 'ext4')
powerCutTest('A restore over a database in rollback mode', SCENARIOS.restoreRollback, 'process', 'ext4')
powerCutTest('A restore over a database in rollback mode', SCENARIOS.restoreRollback, 'here', 'ext4')
powerCutTest('A restore where nothing but stale side files is', SCENARIOS.restoreMissing, 'here', 'ext4')
powerCutTest('A restore over garbage with stale side files', SCENARIOS.restoreGarbage, 'here', 'ext4')
powerCutTest('A restore over a database with another page size', SCENARIOS.restorePageSize, 'here', 'ext4')
