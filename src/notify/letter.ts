import type { NotifyEvent } from './event.ts'
import type { Message } from './message.ts'

/** What a channel puts in its own form. */
export interface Letter {
  readonly event: NotifyEvent
  readonly message: Message
  readonly host: string
  /** The same for every attempt, so that a receiver recognises one that comes twice. */
  readonly id: string
}

/** One HTTP POST; all that any of the channels needs. */
export interface HttpPost {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export function postJson(
  url: URL,
  payload: object,
  headers: Readonly<Record<string, string>> = {},
): HttpPost {
  return {
    url,
    headers: { 'content-type': 'application/json; charset=utf-8', ...headers },
    body: JSON.stringify(payload),
  }
}

/** Subject and body as one text. */
export function wholeText({ subject, body }: Message): string {
  return `${subject}\n\n${body}`
}
