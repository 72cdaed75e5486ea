/** Every call of a restore that fails, in every way that it can, with the engine in a child. */
import { FAILING_LOOPS } from './failing-scenarios.ts'
import { failingTests } from './failing-tests.ts'

failingTests(
  FAILING_LOOPS.filter(({ operation }) => operation === 'restore'),
  'process',
)
