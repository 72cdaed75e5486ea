/** Our own webhook: the event as JSON, signed as Standard Webhooks (standardwebhooks.com) says, for which receivers have libraries. */
import { createHmac } from 'node:crypto'
import type { Letter } from '../letter.ts'

export interface WebhookPayload {
  /** "chame_backup.failed" and so on. */
  readonly type: string
  /** When it happened, ISO 8601 in UTC. */
  readonly timestamp: string
  /** The event's own fields; times are ISO 8601 in UTC. */
  readonly data: object
  /** Name of the machine. */
  readonly host: string
  readonly subject: string
  readonly body: string
}

export function webhookPayload({ event, message, host }: Omit<Letter, 'id'>): WebhookPayload {
  const { kind, at, ...data } = event
  return {
    type: `chame_backup.${kind.replaceAll('-', '_')}`,
    timestamp: at.toISOString(),
    data,
    host,
    subject: message.subject,
    body: message.body,
  }
}

export interface SigningOptions {
  readonly id: string
  /** When the attempt is made: a receiver refuses old ones, so that none can be played again. */
  readonly at: Date
  readonly key: Buffer
}

/** The three headers of a signed webhook: the signature is over `<id>.<timestamp>.<body>`. */
export function signWebhook(body: string, { id, at, key }: SigningOptions): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1000))
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return {
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': `v1,${signature}`,
  }
}
