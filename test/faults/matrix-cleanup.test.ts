/** A cleanup that is killed or loses its power at any of its system calls. */
import { killTest, powerCutTest } from './matrix-tests.ts'
import { SCENARIOS } from './matrix-scenarios.ts'

killTest('A cleanup', SCENARIOS.cleanup, 'process')
killTest('A cleanup', SCENARIOS.cleanup, 'here')

powerCutTest('A cleanup', SCENARIOS.cleanup, 'process', 'ext4')
powerCutTest('A cleanup', SCENARIOS.cleanup, 'here', 'xfs')
