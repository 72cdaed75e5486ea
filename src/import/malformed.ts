/** What is read is not what an export of ours looks like. Where it is, and in which file, is added on the way up. */
export class Malformed extends Error {
  override readonly name = 'Malformed'
  /** Such as "line 12" or "table users, row 3"; empty where the whole is meant. */
  readonly where: string

  constructor(message: string, where: string = '') {
    super(message)
    this.where = where
  }
}

/** Runs `work`; says `where` it was of something malformed that does not say so itself. */
export function at<T>(where: () => string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof Malformed && error.where === '') throw new Malformed(error.message, where())
    throw error
  }
}

/** A name or a piece of text from the file as it can stand in a message: on one line, and short. */
export function shown(text: string): string {
  const short = text.length > 60 ? `${text.slice(0, 60)}…` : text
  return JSON.stringify(short)
}
