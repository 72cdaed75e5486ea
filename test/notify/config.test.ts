import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadConfig } from '../../src/config/load.ts'
import { temporaryDirectory } from '../support/temporary.ts'

async function load(notify: unknown): Promise<unknown> {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'chame-backup.config.json'), JSON.stringify({ notify }))
  return (await loadConfig(directory)).config.notify
}

function one(channel: object): object {
  return { channels: { it: channel } }
}

const CANARY = 'SECRET-CANARY-4711'
const email = { kind: 'email', host: 'mail.example', from: 'a@example.org', to: ['b@example.org'] }

test.each([
  { kind: 'webhook', url: 'https://receiver.example/hook', secret: { env: 'KEY' } },
  { kind: 'webhook', url: { file: 'secrets/url' }, events: ['failed'], databases: ['shop'], jobs: ['daily'] },
  { kind: 'slack', url: { env: 'SLACK_URL' } },
  { kind: 'discord', url: { env: 'DISCORD_URL' }, allowLinkLocal: true },
  { kind: 'telegram', token: { env: 'BOT' }, chatId: '-1001' },
  { kind: 'ntfy', topic: 'backups', url: 'http://ntfy.lan', token: { env: 'T' } },
  { kind: 'gotify', url: 'http://gotify.lan:8080/base', token: { file: '/run/secrets/gotify' } },
  { kind: 'ping', url: { env: 'PING_URL' }, events: ['job-succeeded'] },
  email,
  { ...email, user: 'ann', password: { env: 'PASSWORD' }, tls: 'implicit', port: 465 },
])('a channel may be %j', async channel => {
  expect(await load(one(channel))).toEqual(one(channel))
})

test.each([
  ['channels', {}],
  ['reminderHours', { channels: {}, reminderHours: 0 }],
  ['channels', { channels: { '../x': { kind: 'slack', url: { env: 'A' } } } }],
  ['kind', one({ kind: 'pager', url: 'https://x.example' })],
  ['url', one({ kind: 'slack', url: `https://hooks.example/${CANARY}` })],
  ['url', one({ kind: 'discord', url: CANARY })],
  ['token', one({ kind: 'telegram', token: CANARY, chatId: '1' })],
  ['token', one({ kind: 'gotify', url: 'https://g.example', token: CANARY })],
  ['secret', one({ kind: 'webhook', url: 'https://r.example', secret: CANARY })],
  ['password', one({ ...email, user: 'ann', password: CANARY })],
  ['url', one({ kind: 'webhook', url: `https://ann:${CANARY}@r.example/` })],
  ['url', one({ kind: 'webhook', url: 'ftp://r.example/' })],
  ['url', one({ kind: 'webhook', url: 'file:///etc/passwd' })],
  ['chatId', one({ kind: 'telegram', token: { env: 'A' }, chatId: 'x/../y' })],
  ['topic', one({ kind: 'ntfy', topic: `${CANARY}/x` })],
  ['env', one({ kind: 'slack', url: { env: `${CANARY}=` } })],
  ['events', one({ kind: 'ping', url: 'https://p.example', events: ['digest'] })],
  ['events', one({ kind: 'slack', url: { env: 'A' }, events: ['everything'] })],
  ['webhookUrl', one({ kind: 'slack', url: { env: 'A' }, webhookUrl: CANARY })],
  ['password', one({ ...email, user: 'ann' })],
  ['tls', one({ ...email, tls: 'none', user: 'ann', password: { env: 'P' } })],
  ['to', one({ ...email, to: [] })],
  ['from', one({ ...email, from: `a@b.example\r\nBcc: ${CANARY}` })],
])('a wrong %s is refused by its name, and no value is quoted: %j', async (key, notify) => {
  const failure: unknown = await load(notify).catch((error: unknown) => error)
  expect(failure).toMatchObject({ code: 'CONFIG_INVALID' })
  expect((failure as Error).message).toContain(key)
  expect(
    JSON.stringify([failure, (failure as Error).message, String((failure as Error).cause)]),
  ).not.toContain(CANARY)
})

test('the configurations in docs/notifications.md are ones', async () => {
  const page = readFileSync(new URL('../../docs/notifications.md', import.meta.url), 'utf8')
  const examples = [...page.matchAll(/```json\n(\{[^`]*?"notify"[^`]*?)\n```/g)].map(([, text = '']) => text)
  expect(examples.length).toBeGreaterThan(0)
  for (const example of examples) {
    const { notify } = JSON.parse(example) as { notify: unknown }
    expect(await load(notify)).toEqual(notify)
  }
})
