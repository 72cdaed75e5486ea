/** A restore whose disk loses its power at any of its system calls: a disk with xfs. */
import { SCENARIOS } from './matrix-scenarios.ts'
import { powerCutTest } from './matrix-tests.ts'

powerCutTest('A restore over a database in WAL mode', SCENARIOS.restoreWal, 'process', 'xfs')
powerCutTest('A restore over a database in WAL mode', SCENARIOS.restoreWal, 'here', 'xfs')
powerCutTest('A restore over a database in rollback mode', SCENARIOS.restoreRollback, 'process', 'xfs')
powerCutTest('A restore over a database in rollback mode', SCENARIOS.restoreRollback, 'here', 'xfs')
powerCutTest('A restore where nothing but stale side files is', SCENARIOS.restoreMissing, 'here', 'xfs')
powerCutTest('A restore over garbage with stale side files', SCENARIOS.restoreGarbage, 'here', 'xfs')
powerCutTest('A restore over a database with a hot journal', SCENARIOS.restoreHotJournal, 'here', 'xfs')
