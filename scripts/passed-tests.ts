/** A reporter of vitest that notes which tests there are and which have passed, one JSON a line, as they do. */
import { appendFileSync } from 'node:fs'
import type { Reporter, TestCase, TestModule, TestSuite } from 'vitest/node'

export interface NotedTest {
  readonly file: string
  /** As vitest's `--testNamePattern` sees it. */
  readonly name: string
  readonly isPassed: boolean
}

export default class PassedTests implements Reporter {
  onTestModuleCollected(module: TestModule): void {
    for (const test of module.children.allTests()) note(test, false)
  }

  onTestCaseResult(test: TestCase): void {
    if (test.result().state === 'passed') note(test, true)
  }
}

function note(test: TestCase, isPassed: boolean): void {
  const noted: NotedTest = { file: test.module.relativeModuleId, name: nameOf(test), isPassed }
  appendFileSync(process.env['FAULT_TESTS'] ?? '', `${JSON.stringify(noted)}\n`)
}

function nameOf(test: TestCase | TestSuite): string {
  return test.parent.type === 'module' ? test.name : `${nameOf(test.parent)} ${test.name}`
}
