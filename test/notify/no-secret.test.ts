/** Secrets are sent to their receivers and to nobody else. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type ChannelConfig, openNotifier } from '../../src/index.ts'
import { freePort } from '../storage/servers/daemon.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { EVENTS, FAILED } from './events.ts'
import { openHttpSink, openSmtpSink } from './sinks.ts'

const secret = fc.string({
  unit: fc.constantFrom('a', 'b', 'c', 'X', 'Y', 'Z', '0', '1', '-', '_'),
  minLength: 12,
  maxLength: 40,
})

/** Every channel, each with a secret wherever it may have one, at a receiver on this port. */
function channelsAt(port: number, smtpPort: number): Record<string, ChannelConfig> {
  const url = { env: 'URL' }
  const token = { env: 'TOKEN' }
  const server = `http://127.0.0.1:${port}`
  return {
    webhook: { kind: 'webhook', url, secret: token },
    slack: { kind: 'slack', url },
    discord: { kind: 'discord', url: { file: 'url' } },
    telegram: { kind: 'telegram', url: server, token: { env: 'BOT' }, chatId: '1' },
    ntfy: { kind: 'ntfy', url: server, topic: { file: 'token' }, token },
    gotify: { kind: 'gotify', url: server, token: { file: 'token' } },
    ping: { kind: 'ping', url },
    email: {
      kind: 'email',
      host: '127.0.0.1',
      port: smtpPort,
      user: 'ann',
      password: token,
      from: 'a@example.org',
      to: ['b@example.org'],
    },
    broken: { kind: 'slack', url: token },
    elsewhere: { kind: 'gotify', url: `${server}/`, token: { env: 'TWO_LINES' } },
  }
}

function formsOf(text: string): string[] {
  return [
    text,
    encodeURIComponent(text),
    Buffer.from(text).toString('base64').replace(/=+$/, ''),
    Buffer.from(text).toString('base64url'),
    Buffer.from(text).toString('hex'),
    JSON.stringify(text).slice(1, -1),
  ]
}

test('whatever goes wrong, no secret is in a result, and none in what other channels are sent', async () => {
  const directory = temporaryDirectory()
  // Receivers that repeat all they got, in every way that an answer has.
  const echoes = await openHttpSink((response, request) => {
    response.writeHead(400, encodeURI(request.path), {
      location: `http://x${request.path}`,
      'x-got': encodeURIComponent(request.body),
    })
    response.end(JSON.stringify(request))
  })
  const mail = await openSmtpSink({
    disabledCommands: [],
    authMethods: ['PLAIN'],
    onAuth: ({ password = '' }, _session, done) => done(new Error(`no: ${password}`)),
  })
  const ports = [echoes.port, await freePort()]
  const patience = { attemptMs: 2000, deadlineMs: 4000, firstDelayMs: 1 }
  await fc.assert(
    fc.asyncProperty(secret, secret, fc.constantFrom(...ports), async (path, token, port) => {
      writeFileSync(join(directory, 'url'), `http://127.0.0.1:${port}/${path}\n`)
      writeFileSync(join(directory, 'token'), token)
      const environment = {
        URL: `http://127.0.0.1:${port}/${path}`,
        TOKEN: token,
        BOT: `123456:${token}`,
        TWO_LINES: `${token}\r\nx-other: ${path}`,
      }
      const notifier = openNotifier(
        { channels: channelsAt(port, mail.port) },
        { environment, directory, patience, random: () => 0 },
      )
      echoes.received.length = 0
      for (const event of [FAILED, EVENTS.test]) {
        const results = await notifier.notify(event)
        expect(results.map(({ status }) => status)).not.toContain('sent')
        const told = JSON.stringify([results, notifier.told])
        for (const form of [...formsOf(path), ...formsOf(token)]) expect(told).not.toContain(form)
      }
      for (const { body } of echoes.received) {
        // ntfy's topic is part of its JSON.
        if (body.includes('"topic"')) continue
        for (const form of formsOf(token)) expect(body).not.toContain(form)
      }
    }),
    { numRuns: 25 },
  )
})
