/** A backup, or a verification, that is killed or loses its power at any of its system calls. */
import { powerCutTest, killTest } from './matrix-tests.ts'
import { SCENARIOS } from './matrix-scenarios.ts'

const { createWal, createRollback, createFirst, createHotJournal, createOpen, verify } = SCENARIOS

killTest('A backup of a database in WAL mode', createWal, 'process')
killTest('A backup of a database in WAL mode', createWal, 'here')
killTest('A backup of a database in rollback mode', createRollback, 'process')
killTest('A backup of a database in rollback mode', createRollback, 'here')
killTest('A first backup, which makes its directories,', createFirst, 'here')
killTest('A backup of a database with a hot journal', createHotJournal, 'here')
killTest('A backup of a database that another process has open', createOpen, 'process')
killTest('A verification', verify, 'process')
killTest('A verification', verify, 'here')

for (const disk of ['ext4', 'xfs'] as const) {
  powerCutTest('A backup of a database in WAL mode', createWal, 'process', disk)
  powerCutTest('A backup of a database in WAL mode', createWal, 'here', disk)
  powerCutTest('A backup of a database in rollback mode', createRollback, 'process', disk)
  powerCutTest('A backup of a database in rollback mode', createRollback, 'here', disk)
  powerCutTest('A first backup, which makes its directories,', createFirst, 'process', disk)
  powerCutTest('A backup of a database with a hot journal', createHotJournal, 'here', disk, { selected: 4 })
}
