/** Every call that fails where backups are stored in other ways than plain, or tended, with the engine in process. */
import { FAILING_STORED } from './failing-scenarios.ts'
import { failingTests } from './failing-tests.ts'

failingTests(FAILING_STORED, 'here')
