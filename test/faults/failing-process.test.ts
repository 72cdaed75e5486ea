/** Every call that fails, in every way that it can, with the engine in a child. */
import { isFull } from './extent.ts'
import { FAILING_LOOPS, FAILING_STORED } from './failing-scenarios.ts'
import { failingTests } from './failing-tests.ts'

// A selection has what is stored in other ways with the engine in process alone.
failingTests([...FAILING_LOOPS, ...(isFull ? FAILING_STORED : [])], 'process')
