/** A restore that is killed at any of its system calls. */
import { SCENARIOS } from './matrix-scenarios.ts'
import { killTest } from './matrix-tests.ts'

killTest('A restore over a database in WAL mode', SCENARIOS.restoreWal, 'process')
killTest('A restore over a database in WAL mode', SCENARIOS.restoreWal, 'here')
killTest('A restore over a database in rollback mode', SCENARIOS.restoreRollback, 'process')
killTest('A restore over a database in rollback mode', SCENARIOS.restoreRollback, 'here')
killTest('A restore over a database with another page size', SCENARIOS.restorePageSize, 'here')
killTest('A restore over a database with a hot journal', SCENARIOS.restoreHotJournal, 'here')
killTest('A restore where nothing but stale side files is', SCENARIOS.restoreMissing, 'process')
killTest('A restore over garbage with stale side files', SCENARIOS.restoreGarbage, 'process')
killTest('A restore over a database that another process has open', SCENARIOS.restoreOpen, 'process')
