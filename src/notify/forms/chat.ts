/** The forms of Slack, Discord and Telegram: plain text, in which nothing is obeyed. */
import { wholeText } from '../letter.ts'
import type { Message } from '../message.ts'
import { cut, cutBy } from '../text.ts'

/** Slack shows up to 4,000 characters of a message as one. */
const SLACK_MAX = 4000
/** Limit of a message's `content`. */
const DISCORD_MAX = 2000
/** Limit of a message's text, in UTF-16 units. */
const TELEGRAM_MAX = 4096
/** SUPPRESS_EMBEDS: paths and names that look like links are not fetched. */
const DISCORD_NO_EMBEDS = 1 << 2

/** An incoming webhook. Slack reads `<!channel>` and links in angle brackets even in plain text, unless they are escaped. */
export function slackPayload(message: Message): object {
  const text = cutBy(wholeText(message), SLACK_MAX, kept => escapeSlack(kept).length)
  return { text: escapeSlack(text), mrkdwn: false, unfurl_links: false, unfurl_media: false }
}

function escapeSlack(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** A webhook's message that mentions nobody, whatever is in it. */
export function discordPayload(message: Message): object {
  const whole = wholeText(message)
  const form = (text: string): string => {
    const end = text.indexOf('\n')
    const [subject, body] = end === -1 ? [text, ''] : [text.slice(0, end), text.slice(end)]
    return `**${escapeMarkdown(subject)}**${escapeMarkdown(body)}`
  }
  return {
    content: form(cutBy(whole, DISCORD_MAX, kept => form(kept).length)),
    allowed_mentions: { parse: [] },
    flags: DISCORD_NO_EMBEDS,
  }
}

/** Everything that Discord's Markdown reads, at the start of a line and within it. */
function escapeMarkdown(text: string): string {
  return text
    .replaceAll(/[\\*_~`|<>[\]()#:@]/g, String.raw`\$&`)
    .replaceAll(/^(\s*)([-+])/gm, String.raw`$1\$2`)
}

/** `sendMessage` without a parse mode: the text is shown as it is. Only bad news make a sound. */
export function telegramPayload(message: Message, chatId: string): object {
  return {
    chat_id: chatId,
    text: cut(wholeText(message), TELEGRAM_MAX),
    link_preview_options: { is_disabled: true },
    disable_notification: message.level !== 'bad',
  }
}
