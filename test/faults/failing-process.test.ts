/** Every call that fails, in every way that it can, with the engine in a child; those of a restore have a file of their own. */
import { FAILING_LOOPS } from './failing-scenarios.ts'
import { failingTests } from './failing-tests.ts'

failingTests(
  FAILING_LOOPS.filter(({ operation }) => operation !== 'restore'),
  'process',
)
