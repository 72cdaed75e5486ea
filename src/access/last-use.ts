/** When tokens were last used, to the minute. Apart from the tokens, so that a use never rewrites who may come in. */
import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { removeFile } from '../storage/durable.ts'

const MINUTE_MS = 60_000

/** What cannot be read or written is not known: nobody is kept out for it. */
export class LastUse {
  readonly #path: string
  readonly #now: () => Date
  #noted: Record<string, string> | null = null

  constructor(directory: string, now: () => Date) {
    this.#path = join(directory, 'last-use.json')
    this.#now = now
  }

  /** Null: never. */
  async of(id: string): Promise<string | null> {
    const noted = this.#noted ?? (await this.#read())
    return Object.hasOwn(noted, id) ? (noted[id] ?? null) : null
  }

  async note(id: string): Promise<void> {
    this.#noted ??= await this.#read()
    const now = this.#now()
    const last = Date.parse(this.#noted[id] ?? '')
    if (now.getTime() - last < MINUTE_MS) return
    this.#noted[id] = now.toISOString()
    const temporary = `${this.#path}.${randomBytes(6).toString('hex')}.new`
    try {
      await writeFile(temporary, JSON.stringify(this.#noted), { flag: 'wx', mode: 0o600 })
      await rename(temporary, this.#path)
    } catch {
      await removeFile(temporary).catch(() => {})
    }
  }

  async #read(): Promise<Record<string, string>> {
    try {
      const value: unknown = JSON.parse(await readFile(this.#path, 'utf8'))
      const entries = typeof value === 'object' && value !== null ? Object.entries(value) : []
      return Object.fromEntries(
        entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
      )
    } catch {
      return {}
    }
  }
}
