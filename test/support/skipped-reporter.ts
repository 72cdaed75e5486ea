/** Names the tests that were skipped, and so what they lack: other reporters only count them. */
import type { Reporter, TestModule, Vitest } from 'vitest/node'

export class SkippedReporter implements Reporter {
  #isFiltered = false

  onInit({ config }: Vitest): void {
    // Who asks for tests by their names has left out the others himself.
    this.#isFiltered = config.testNamePattern !== undefined
  }

  onTestRunEnd(modules: readonly TestModule[]): void {
    if (this.#isFiltered) return
    const lines = modules.flatMap(({ children, relativeModuleId }) =>
      [...children.allTests('skipped')].map(({ fullName }) => `  ${relativeModuleId}: ${fullName}\n`),
    )
    if (lines.length > 0) process.stdout.write(`\nSkipped:\n${lines.join('')}`)
  }
}
