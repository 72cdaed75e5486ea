/**
 * Runs the tests whose branches are counted, or those that are named, and fails when they leave out too many. In CI
 * the same is counted while all tests run: with BRANCHES set, `npm test` does both.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { MEASURED_TESTS } from './branches/measured-tests.ts'

const asked = process.argv.slice(2)
const { status } = spawnSync(
  process.execPath,
  ['node_modules/vitest/vitest.mjs', 'run', ...(asked.length > 0 ? asked : MEASURED_TESTS)],
  {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: 'inherit',
    env: { ...process.env, BRANCHES: asked.length > 0 ? 'all' : 'measured' },
  },
)
process.exitCode = status ?? 1
