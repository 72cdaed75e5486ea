import { createInterface } from 'node:readline/promises'
import type { RestorePlan } from '../index.ts'
import { describeBackup } from './describe-backup.ts'
import { paintError } from './output.ts'
import type { Cancellation } from './signals.ts'
import { safeText } from './text.ts'
import { bytes } from './units.ts'

/** Shows what is about to be overwritten and asks for the database's name; anything else means no. */
export async function confirmRestore(plan: RestorePlan, cancellation: Cancellation): Promise<boolean> {
  const name = plan.database
  process.stderr.write(`${describeOverwrite(plan, new Date())}\n`)
  const answer = await ask(`Type ${paintError('bold', safeText(name))} to go on: `, cancellation)
  return answer?.trim() === name
}

function describeOverwrite(plan: RestorePlan, now: Date): string {
  const { backup, targetPath, target } = plan
  const title = target === 'missing' ? 'This will make' : 'This will overwrite'
  return [
    paintError(['yellow', 'bold'], title),
    `  ${safeText(targetPath)} (${describeTarget(plan)})`,
    target === 'missing' ? 'from' : 'with',
    `  ${safeText(backup.filename)}`,
    `  (${describeBackup(backup, now)})`,
    ...describeKept(plan),
  ].join('\n')
}

function describeKept({ target, preRestoreBackup }: RestorePlan): string[] {
  if (target === 'missing') return []
  if (preRestoreBackup) return ['What is there now is backed up first.']
  return ['What is there now cannot be backed up as a database; its files are kept aside.']
}

function describeTarget({ target, targetSizeBytes }: RestorePlan): string {
  if (target === 'missing') return 'nothing is there now'
  return `${target === 'database' ? 'database' : 'not a readable database'}, ${bytes(targetSizeBytes)}`
}

/** One line from the terminal; null when it was closed (Ctrl-D) or the operation cancelled (Ctrl-C). */
async function ask(question: string, cancellation: Cancellation): Promise<string | null> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  // Readline takes Ctrl-C for itself while it reads; hand it on.
  terminal.on('SIGINT', () => cancellation.cancel())
  const closed = new Promise<null>(resolve => terminal.once('close', () => resolve(null)))
  const answered = terminal.question(question, { signal: cancellation.signal }).catch(() => null)
  const answer = await Promise.race([answered, closed])
  terminal.close()
  if (answer === null) process.stderr.write('\n')
  return answer
}
