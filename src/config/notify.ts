import type { EventKind, PingEventKind } from '../notify/event.ts'
import type { SecretConfig } from './secret.ts'

interface ChannelOptions<Kind extends EventKind = EventKind> {
  /** Which events it receives. Default: failed, recovered, overdue and digest; for a ping URL those of jobs. */
  events?: Kind[] | undefined
  /** Only events of these databases. */
  databases?: string[] | undefined
  /** Only events of these jobs, where an event is of one. */
  jobs?: string[] | undefined
}

interface HttpChannelOptions<Kind extends EventKind = EventKind> extends ChannelOptions<Kind> {
  /** Send to link-local and metadata addresses too. Default: false */
  allowLinkLocal?: boolean | undefined
}

interface WebhookConfig extends HttpChannelOptions {
  kind: 'webhook'
  url: string | SecretConfig
  /** Signs each request, so that the receiver can tell it is ours. */
  secret?: SecretConfig | undefined
}

interface SlackConfig extends HttpChannelOptions {
  kind: 'slack'
  url: SecretConfig
}

interface DiscordConfig extends HttpChannelOptions {
  kind: 'discord'
  url: SecretConfig
}

interface TelegramConfig extends HttpChannelOptions {
  kind: 'telegram'
  /** The bot's. */
  token: SecretConfig
  chatId: string
  /** Of a Bot API server of one's own. Default: https://api.telegram.org */
  url?: string | undefined
}

interface NtfyConfig extends HttpChannelOptions {
  kind: 'ntfy'
  /** The server. Default: https://ntfy.sh */
  url?: string | undefined
  topic: string | SecretConfig
  /** An access token, where the topic is protected. */
  token?: SecretConfig | undefined
}

interface GotifyConfig extends HttpChannelOptions {
  kind: 'gotify'
  /** The server. */
  url: string
  /** The application's. */
  token: SecretConfig
}

interface PingConfig extends HttpChannelOptions<PingEventKind> {
  kind: 'ping'
  url: string | SecretConfig
}

export interface EmailConfig extends ChannelOptions {
  kind: 'email'
  host: string
  /** Default: 587; 465 with implicit TLS, 25 without TLS. */
  port?: number | undefined
  /** `starttls` (default, required of the server), `implicit`, or `none`, which allows no password. */
  tls?: 'starttls' | 'implicit' | 'none' | undefined
  user?: string | undefined
  password?: SecretConfig | undefined
  from: string
  to: string[]
}

export type HttpChannelConfig =
  | WebhookConfig
  | SlackConfig
  | DiscordConfig
  | TelegramConfig
  | NtfyConfig
  | GotifyConfig
  | PingConfig

export type ChannelConfig = HttpChannelConfig | EmailConfig

/** Whom to tell, of what. */
export interface NotifyConfig {
  /** By the name that results and `--channel` call it. */
  channels: Record<string, ChannelConfig>
  /** How long a failure that goes on is kept quiet about, once told. Default: 24 */
  reminderHours?: number | undefined
}
