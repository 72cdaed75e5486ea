/** The program of matrix-holder.ts: opens, looks and closes as it is told. */
import { DatabaseSync } from 'node:sqlite'
import { commitToLedger, ledgerProblems, readLedger } from '../support/ledger.ts'

export type HolderQuestion =
  | { readonly kind: 'open'; readonly path: string; readonly commits: number }
  | { readonly kind: 'look' | 'close' }

export interface HolderAnswer {
  readonly commits: number | null
  readonly problems: readonly string[]
}

let connection: DatabaseSync | null = null

process.on('message', (question: HolderQuestion) => {
  let answer: HolderAnswer
  try {
    answer = { problems: [], commits: null, ...answerTo(question) }
  } catch (error) {
    answer = { commits: null, problems: [String(error)] }
  }
  process.send?.(answer)
})
process.on('disconnect', () => process.exit(0))

function answerTo(question: HolderQuestion): Partial<HolderAnswer> {
  if (question.kind === 'open') {
    connection = new DatabaseSync(question.path, { timeout: 60_000 })
    for (let i = 0; i < question.commits; i++) commitToLedger(connection)
  } else if (question.kind === 'close') {
    connection?.close()
    connection = null
  } else if (connection !== null) {
    const integrity = Object.values(connection.prepare('PRAGMA integrity_check').get() ?? {})[0]
    const problems = integrity === 'ok' ? ledgerProblems(connection) : [String(integrity)]
    return { ...readLedger(connection), problems }
  }
  return {}
}
