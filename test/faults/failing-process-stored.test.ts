/** Every call that fails where backups are stored in other ways than plain, or tended, with the engine in a child. */
import { isFull } from './extent.ts'
import { FAILING_STORED } from './failing-scenarios.ts'
import { failingTests } from './failing-tests.ts'

// A selection has the others with the engine in process alone.
failingTests(isFull ? FAILING_STORED : FAILING_STORED.slice(0, 1), 'process')
