/** What SQLite itself says of an image, asked in a process of its own: a crash or a hang there is not the product's. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MalformedImage } from './images.ts'
import type { Judgement } from './judge.ts'

export interface OracleQuestion extends MalformedImage {
  readonly wantsImage: boolean
}

export interface OracleAnswer {
  /** `ok`, `damaged`, or `error` and SQLite's primary result code. */
  readonly quick: string
  readonly full: string
  /** Every page of the database as SQLite reads it; null where it cannot, or nobody asked. */
  readonly image: Uint8Array | null
}

const DEADLINE_MS = 60_000

export class Oracle implements Disposable {
  readonly #child: ChildProcess

  /** @param directory where it may make files of its own */
  constructor(directory: string) {
    this.#child = fork(
      fileURLToPath(new URL('./oracle-process.ts', import.meta.url)),
      [join(directory, 'oracle.db')],
      {
        serialization: 'advanced',
        execArgv: ['--no-warnings'],
      },
    )
  }

  async ask(
    image: MalformedImage,
    { wantsImage = false }: { wantsImage?: boolean } = {},
  ): Promise<OracleAnswer> {
    const answered = once(this.#child, 'message', { signal: AbortSignal.timeout(DEADLINE_MS) })
    this.#child.send({ ...image, wantsImage })
    const [answer] = (await answered) as [OracleAnswer]
    return answer
  }

  [Symbol.dispose](): void {
    this.#child.kill()
  }
}

/** SQLITE_ERROR: not damage, but something that this SQLite does not know, such as a function in the schema. */
const UNKNOWN = 'error 1'

/** Where the product called an image sound that SQLite does not. */
export function lies({ quick, full, verified }: Judgement, oracle: OracleAnswer): string[] {
  const lies: string[] = []
  for (const level of ['quick', 'full'] as const) {
    const created = { quick, full }[level]
    const now = verified[level]
    const truth = oracle[level]
    if (created.success && !isAllowed(truth, (created.metadata.unchecked ?? []).length > 0))
      lies.push(`a backup was checked (${level}) and stored, SQLite says ${truth}`)
    if (now.success && now.status === 'intact' && !isAllowed(truth, now.unchecked.length > 0))
      lies.push(`a backup was called intact (${level}), SQLite says ${truth}`)
  }
  return lies
}

function isAllowed(truth: string, isInPart: boolean): boolean {
  return truth === 'ok' || (truth === UNKNOWN && isInPart)
}
