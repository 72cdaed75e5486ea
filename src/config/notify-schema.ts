/** What the configuration may say of notifications. No message of it quotes a value: it may be a secret put in the wrong place. */
import { z } from 'zod'
import { isDatabaseName } from '../catalog/names.ts'
import { EVENT_KINDS, PING_EVENT_KINDS } from '../notify/event.ts'
import type { NotifyConfig } from './notify.ts'
import { recordOf } from './record.ts'
import { secretSchema as secret } from './secret-schema.ts'

/** Also the longest name that fits a table beside what went wrong. */
const CHANNEL_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

const url = z
  .string()
  .refine(isPlainUrl, 'expected an http or https URL without user, password and fragment')
  .describe('An http or https URL; plain http only to private addresses.')

const urlOrSecret = z
  .union([url, secret], 'expected an http or https URL, { "env": "NAME" } or { "file": "path" }')
  .describe('An http or https URL, or where it is if it contains a secret.')

const names = z.array(z.string().min(1)).min(1)

const channelOptions = {
  events: z
    .array(z.enum(EVENT_KINDS))
    .min(1)
    .optional()
    .describe('Which events it receives. Default: failed, recovered, overdue, digest'),
  databases: z
    .array(z.string().refine(isDatabaseName, 'expected names of databases'))
    .min(1)
    .optional()
    .describe('Only events of these databases.'),
  jobs: names.optional().describe('Only events of these jobs, where an event is of one.'),
}

const httpOptions = {
  ...channelOptions,
  allowLinkLocal: z
    .boolean()
    .optional()
    .describe('Send to link-local and metadata addresses too. Default: false'),
}

const oneLine = z
  .string()
  .min(1)
  .regex(/^[^\r\n\0]+$/, 'expected one line')

const email = z
  .strictObject({
    kind: z.literal('email'),
    ...channelOptions,
    host: oneLine.describe('The mail server that takes the mail.'),
    port: z.int().min(1).max(65_535).optional().describe('Default: 587; implicit TLS: 465; none: 25'),
    tls: z
      .enum(['starttls', 'implicit', 'none'])
      .optional()
      .describe('starttls (default, required of the server), implicit, or none, which allows no password.'),
    user: oneLine.optional(),
    password: secret.optional(),
    from: oneLine.describe('The sender\'s address, such as "Backups <backups@example.org>".'),
    to: z.array(oneLine).min(1).describe('The addresses that it goes to.'),
  })
  .refine(channel => (channel.user === undefined) === (channel.password === undefined), {
    path: ['password'],
    message: 'expected user and password together',
  })
  .refine(channel => channel.tls !== 'none' || channel.password === undefined, {
    path: ['tls'],
    message: 'a password is only sent over TLS',
  })

const channel = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('webhook'),
    ...httpOptions,
    url: urlOrSecret,
    secret: secret
      .optional()
      .describe('Signs each request (Standard Webhooks, HMAC-SHA256): whsec_<base64>, or any text.'),
  }),
  z.strictObject({ kind: z.literal('slack'), ...httpOptions, url: secret }),
  z.strictObject({ kind: z.literal('discord'), ...httpOptions, url: secret }),
  z.strictObject({
    kind: z.literal('telegram'),
    ...httpOptions,
    token: secret,
    chatId: z
      .string()
      .regex(/^(-?\d+|@\w+)$/, 'expected the number of a chat, as a string, or @channel')
      .describe('The number of the chat, as a string, or @channel.'),
    url: url.optional().describe('Of a Bot API server of your own. Default: https://api.telegram.org'),
  }),
  z.strictObject({
    kind: z.literal('ntfy'),
    ...httpOptions,
    url: url.optional().describe('The server. Default: https://ntfy.sh'),
    topic: z
      .union(
        [z.string().regex(/^[-_A-Za-z0-9]{1,64}$/), secret],
        'expected a topic of letters, digits, "_" and "-", { "env": "NAME" } or { "file": "path" }',
      )
      .describe('The topic. On a public server it is a secret: whoever knows it can read and write there.'),
    token: secret.optional().describe('An access token, where the topic is protected.'),
  }),
  z.strictObject({
    kind: z.literal('gotify'),
    ...httpOptions,
    url: url.describe('The server.'),
    token: secret.describe("The application's token."),
  }),
  z.strictObject({
    kind: z.literal('ping'),
    ...httpOptions,
    events: z
      .array(z.enum(PING_EVENT_KINDS))
      .min(1)
      .optional()
      .describe('Which events it receives. Default: all of them'),
    url: urlOrSecret,
  }),
  email,
])

export const notifySchema: z.ZodType<NotifyConfig> = z
  .strictObject({
    channels: recordOf(
      z.string().regex(CHANNEL_NAME, 'expected a name of letters, digits, ".", "_" and "-"'),
      channel,
    ).describe('By name: whom to tell, how, and of what.'),
    reminderHours: z
      .number()
      .positive()
      .optional()
      .describe('How long a failure that goes on is kept quiet about, once told. Default: 24'),
  })
  .describe('Notifications: see docs/notifications.md.')

/** A URL may be written down as long as nothing in it is a password. */
function isPlainUrl(text: string): boolean {
  const parsed = URL.parse(text)
  if (parsed === null || !['http:', 'https:'].includes(parsed.protocol)) return false
  return parsed.username === '' && parsed.password === '' && parsed.hash === ''
}
