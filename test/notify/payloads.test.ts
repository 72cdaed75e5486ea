import fc from 'fast-check'
import { expect, test } from 'vitest'
import { discordPayload, slackPayload, telegramPayload } from '../../src/notify/forms/chat.ts'
import { pingPost } from '../../src/notify/forms/ping.ts'
import { gotifyPayload, ntfyPayload } from '../../src/notify/forms/push.ts'
import { signWebhook, webhookPayload } from '../../src/notify/forms/webhook.ts'
import type { Message } from '../../src/notify/message.ts'
import { EVENTS, FAILED } from './events.ts'

const MESSAGE: Message = {
  subject: 'shop_1: daily failed',
  body: 'Why: <!channel> & @everyone *x* `y`\n- at /a/b_c',
  level: 'bad',
}

function longMessage(text: string): Message {
  return { subject: 's', body: text.repeat(20_000), level: 'bad' }
}

test('Slack gets plain text with its three characters escaped, so that nobody is called', () => {
  expect(slackPayload(MESSAGE)).toEqual({
    text: 'shop_1: daily failed\n\nWhy: &lt;!channel&gt; &amp; @everyone *x* `y`\n- at /a/b_c',
    mrkdwn: false,
    unfurl_links: false,
    unfurl_media: false,
  })
})

test('Discord gets escaped Markdown, no embeds, and mentions nobody', () => {
  expect(discordPayload(MESSAGE)).toEqual({
    content:
      '**shop\\_1\\: daily failed**\n\nWhy\\: \\<!channel\\> & \\@everyone \\*x\\* \\`y\\`\n\\- at /a/b\\_c',
    allowed_mentions: { parse: [] },
    flags: 4,
  })
})

test('Telegram gets text without a parse mode, and only bad news make a sound', () => {
  expect(telegramPayload(MESSAGE, '-1001')).toEqual({
    chat_id: '-1001',
    text: `${MESSAGE.subject}\n\n${MESSAGE.body}`,
    link_preview_options: { is_disabled: true },
    disable_notification: false,
  })
  expect(telegramPayload({ ...MESSAGE, level: 'good' }, '1')).toMatchObject({ disable_notification: true })
})

test('ntfy gets JSON with its topic, as headers cannot carry every character', () => {
  const message: Message = { ...MESSAGE, subject: 'größe 😀: daily failed' }
  expect(ntfyPayload(message, 'backups')).toEqual({
    topic: 'backups',
    title: 'größe 😀: daily failed',
    message: MESSAGE.body,
    priority: 4,
    tags: ['rotating_light'],
  })
})

test('Gotify gets plain text with a priority that rings for bad news', () => {
  expect(gotifyPayload(MESSAGE)).toEqual({
    title: 'shop_1: daily failed',
    message: MESSAGE.body,
    priority: 8,
    extras: { 'client::display': { contentType: 'text/plain' } },
  })
})

test('a webhook gets the event with all its fields, and its words', () => {
  expect(
    JSON.parse(JSON.stringify(webhookPayload({ event: FAILED, message: MESSAGE, host: 'web1' }))),
  ).toEqual({
    type: 'chame_backup.failed',
    timestamp: '2026-11-25T02:00:30.000Z',
    data: {
      database: 'shop',
      job: 'daily',
      code: 'INSUFFICIENT_SPACE',
      message: FAILED.message,
      hint: FAILED.hint,
      failingSince: '2026-11-24T02:00:30.000Z',
      attempts: 3,
    },
    host: 'web1',
    subject: MESSAGE.subject,
    body: MESSAGE.body,
  })
})

test('a signature is the one that the specification of Standard Webhooks shows', () => {
  expect(
    signWebhook('{"test": 2432232314}', {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      at: new Date(1_614_265_330_000),
      key: Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64'),
    }),
  ).toEqual({
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  })
})

test.each([
  ['job-started', '/ping/uuid/start?create=1'],
  ['job-succeeded', '/ping/uuid?create=1'],
  ['failed', '/ping/uuid/fail?create=1'],
  // A test must not tell the monitor that all is well.
  ['test', '/ping/uuid/log?create=1'],
] as const)('a ping for %s goes to %s', (kind, path) => {
  for (const url of ['https://hc.example/ping/uuid?create=1', 'https://hc.example/ping/uuid/?create=1']) {
    const letter = { event: EVENTS[kind], message: MESSAGE, host: 'web1', id: 'msg_1' }
    const post = pingPost(new URL(url), letter)
    expect(post.url.href).toBe(`https://hc.example${path}`)
    expect(post.body).toBe(`${MESSAGE.subject}\n\n${MESSAGE.body}`)
  }
})

test('no form is longer than its receiver takes, whatever is in the message', () => {
  const texts = ['x', '&', '<', '*', '😀', 'ü', '\n- ', '"\\']
  for (const message of texts.map(longMessage)) {
    const slack = slackPayload(message) as { text: string }
    expect(slack.text.length).toBeLessThanOrEqual(4000)
    expect(slack.text).not.toMatch(/&(?!(amp|lt|gt);)/)
    expect((discordPayload(message) as { content: string }).content.length).toBeLessThanOrEqual(2000)
    expect((telegramPayload(message, '1') as { text: string }).text.length).toBeLessThanOrEqual(4096)
    expect(Buffer.byteLength((ntfyPayload(message, 't') as { message: string }).message)).toBeLessThanOrEqual(
      4096,
    )
    expect((gotifyPayload(message) as { message: string }).message.length).toBeLessThanOrEqual(8000)
  }
})

test('nothing in a message is a mention, a link or markup to Slack and Discord', () => {
  const hostile = fc.string({
    unit: fc.constantFrom('<', '>', '@', '#', '&', '!', '*', '_', '`', '\\', 'a', '\n', ' '),
  })
  fc.assert(
    fc.property(hostile, body => {
      const message: Message = { subject: 's', body, level: 'bad' }
      expect((slackPayload(message) as { text: string }).text).not.toMatch(/[<>]/)
      const { content } = discordPayload(message) as { content: string }
      const shown = content.replace('**s**', '').replaceAll(/\\[^a\n ]/g, '')
      expect(shown).not.toMatch(/[<>@#*_`]/)
    }),
  )
})
