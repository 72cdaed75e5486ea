/** Another process that has the database open while an operation is crashed, and looks at it as applications do. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { HolderAnswer, HolderQuestion } from './holder.ts'

const PROGRAM = fileURLToPath(new URL('./holder.ts', import.meta.url))

/** One for all points; what it has open changes. It ends with the test process. */
let child: ChildProcess | null = null

export class Holder implements AsyncDisposable {
  /** Opens the database and makes so many commits. */
  static async open(path: string, commits: number): Promise<Holder> {
    await ask({ kind: 'open', path, commits })
    return new Holder()
  }

  /** What is wrong with the database as the open connection sees it; `expected` are the commits it may be at. */
  async problems(expected: readonly number[]): Promise<string[]> {
    const { commits, problems } = await ask({ kind: 'look' })
    const isExpected = commits !== null && expected.includes(commits)
    return [...problems, ...(isExpected ? [] : [`commit ${commits}`])].map(
      problem => `an open connection sees: ${problem}`,
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await ask({ kind: 'close' })
  }
}

async function ask(question: HolderQuestion): Promise<HolderAnswer> {
  if (child === null) {
    child = fork(PROGRAM, { execArgv: ['--no-warnings'] })
    child.unref()
    child.channel?.unref()
  }
  const answered = once(child, 'message') as Promise<[HolderAnswer]>
  child.send(question)
  child.channel?.ref()
  const [answer] = await answered
  child.channel?.unref()
  return answer
}
