/** From the configuration of an HTTP channel to the request that tells it something. */
import type { HttpChannelConfig } from '../config/notify.ts'
import type { SecretConfig } from '../config/secret.ts'
import { discordPayload, slackPayload, telegramPayload } from './forms/chat.ts'
import { pingPost } from './forms/ping.ts'
import { gotifyPayload, ntfyPayload } from './forms/push.ts'
import { signWebhook, webhookPayload } from './forms/webhook.ts'
import { type HttpPost, type Letter, postJson } from './letter.ts'
import { noSecret, readSecret, readSigningKey, readToken, readUrl, type SecretPorts } from './secrets.ts'

const TELEGRAM = 'https://api.telegram.org'
const NTFY = 'https://ntfy.sh'

/** The request of one attempt, made at `at`. Reads the channel's secrets; throws `Undelivered`. */
export async function formPost(
  channel: HttpChannelConfig,
  letter: Letter,
  { at, ...ports }: SecretPorts & { readonly at: Date },
): Promise<HttpPost> {
  const { message } = letter
  switch (channel.kind) {
    case 'webhook': {
      const post = postJson(await readUrl(channel.url, ports), webhookPayload(letter))
      if (channel.secret === undefined) return post
      const key = await readSigningKey(channel.secret, ports)
      return {
        ...post,
        headers: { ...post.headers, ...signWebhook(post.body, { id: letter.id, at, key }) },
      }
    }
    case 'slack':
      return postJson(await readUrl(channel.url, ports), slackPayload(message))
    case 'discord': {
      const url = await readUrl(channel.url, ports)
      // Otherwise Discord answers before it knows whether it takes the message.
      url.searchParams.set('wait', 'true')
      return postJson(url, discordPayload(message))
    }
    case 'telegram': {
      const token = await readBotToken(channel.token, ports)
      const url = below(await readUrl(channel.url ?? TELEGRAM, ports), `bot${token}/sendMessage`)
      return postJson(url, telegramPayload(message, channel.chatId))
    }
    case 'ntfy': {
      const url = await readUrl(channel.url ?? NTFY, ports)
      const topic = await readTopic(channel.topic, ports)
      return postJson(url, ntfyPayload(message, topic), await bearer(channel.token, ports))
    }
    case 'gotify': {
      const url = below(await readUrl(channel.url, ports), 'message')
      return postJson(url, gotifyPayload(message), { 'x-gotify-key': await readToken(channel.token, ports) })
    }
    case 'ping':
      return pingPost(await readUrl(channel.url, ports), letter)
  }
}

/** `path` below what the URL's path is. */
function below(url: URL, path: string): URL {
  const extended = new URL(url)
  extended.pathname = `${extended.pathname.replace(/\/$/, '')}/${path}`
  return extended
}

async function bearer(
  token: SecretConfig | undefined,
  ports: SecretPorts,
): Promise<Readonly<Record<string, string>>> {
  return token === undefined ? {} : { authorization: `Bearer ${await readToken(token, ports)}` }
}

/** It becomes part of a path. */
async function readBotToken(where: SecretConfig, ports: SecretPorts): Promise<string> {
  const token = await readToken(where, ports)
  if (/^\d+:[A-Za-z0-9_-]+$/.test(token)) return token
  throw noSecret('The token is not one of a Telegram bot', 'Copy it from @BotFather: 123456789:ABC…')
}

async function readTopic(where: string | SecretConfig, ports: SecretPorts): Promise<string> {
  const topic = await readSecret(where, ports)
  if (/^[-_A-Za-z0-9]{1,64}$/.test(topic)) return topic
  throw noSecret('The topic is not one of ntfy', 'It is up to 64 letters, digits, "_" and "-".')
}
