/**
 * Counts what a test file runs, if it is one of those that are measured: in its worker from here on, and in every
 * process and thread that it starts.
 */
import { writeFileSync } from 'node:fs'
import { Session } from 'node:inspector'
import { join, relative } from 'node:path'
import { afterAll, expect } from 'vitest'
import { RAW_DIRECTORY } from '../../scripts/branches/gate.ts'
import { isMeasured } from '../../scripts/branches/measured-tests.ts'

const { testPath = '' } = expect.getState()
if (process.env['BRANCHES'] === 'all' || isMeasured(relative(process.cwd(), testPath))) {
  // Node reads it when a process or a thread begins, and this worker has begun: it is asked by itself.
  process.env['NODE_V8_COVERAGE'] = RAW_DIRECTORY
  const session = new Session()
  session.connect()
  session.post('Profiler.enable')
  session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true })
  // Before Vitest ends its workers with a signal.
  afterAll(() => {
    session.post('Profiler.takePreciseCoverage', (error, coverage) => {
      if (error !== null) throw error
      writeFileSync(join(RAW_DIRECTORY, `worker-${process.pid}-${Date.now()}.json`), JSON.stringify(coverage))
    })
  })
}
