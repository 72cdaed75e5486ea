/** An export, or an import, that is killed or loses its power at any of its system calls. */
import { killTest, powerCutTest } from './matrix-tests.ts'
import { SCENARIOS } from './matrix-scenarios.ts'

const { exportJson, exportCsv, exportParquet, importSql } = SCENARIOS

killTest('An export to JSON', exportJson, 'process')
killTest('An export to CSV', exportCsv, 'here')
killTest('An export to Parquet', exportParquet, 'here')
killTest('An import of SQL', importSql, 'here')

powerCutTest('An export to JSON', exportJson, 'here', 'ext4')
powerCutTest('An export to CSV', exportCsv, 'process', 'ext4')
powerCutTest('An export to CSV', exportCsv, 'here', 'xfs')
powerCutTest('An import of SQL', importSql, 'process', 'ext4')
powerCutTest('An import of SQL', importSql, 'here', 'xfs')
