import { expect, test } from 'vitest'
import type { SMTPServerOptions } from 'smtp-server'
import { freePort } from '../storage/servers/daemon.ts'
import { testWith } from '../support/requirements.ts'
import { makeCertificate, trust } from './certificates.ts'
import { openNotifier } from '../../src/index.ts'
import { FAILED } from './events.ts'
import { openSmtpSink } from './sinks.ts'
import { PATIENCE, tell } from './tell.ts'

function plain(port: number): {
  kind: 'email'
  host: string
  port: number
  tls: 'none'
  from: string
  to: string[]
} {
  return {
    kind: 'email',
    host: '127.0.0.1',
    port,
    tls: 'none',
    from: 'Backups <backups@example.org>',
    to: ['ann@example.org', 'bob@example.org'],
  }
}

test('a mail has the subject, the words as plain text, and all recipients', async () => {
  const sink = await openSmtpSink()
  expect(await tell(plain(sink.port))).toMatchObject({ status: 'sent', attempts: 1 })
  const [mail] = sink.mails
  expect(mail).toMatchObject({
    from: 'backups@example.org',
    to: ['ann@example.org', 'bob@example.org'],
    user: null,
  })
  expect(mail?.text).toMatch(/^From: Backups <backups@example\.org>\r$/m)
  expect(mail?.text).toMatch(/^To: ann@example\.org, bob@example\.org\r$/m)
  expect(mail?.text).toMatch(/^Subject: shop: daily failed\r$/m)
  expect(mail?.text).toMatch(/^Content-Type: text\/plain; charset=utf-8\r$/m)
  expect(mail?.text).toMatch(/^Auto-Submitted: auto-generated\r$/m)
  expect(mail?.text).toMatch(/^Message-ID: <msg_[0-9a-f]{32}@chame-backup>\r$/m)
  // Quoted-printable breaks long lines anywhere.
  expect(mail?.text.replaceAll('=\r\n', '')).toContain('What to do: Free some space there')
})

test('a name that would add headers or recipients adds none', async () => {
  const sink = await openSmtpSink()
  const event = { ...FAILED, database: 'x\r\nBcc: eve@example.org\r\n\r\nhello' }
  expect(await tell(plain(sink.port), { event })).toMatchObject({ status: 'sent' })
  const [headers = ''] = sink.mails[0]?.text.split('\r\n\r\n') ?? []
  expect(headers).not.toMatch(/^Bcc/im)
  expect(sink.mails[0]?.to).not.toContain('eve@example.org')
})

test('a subject beyond ASCII arrives as it is', async () => {
  const sink = await openSmtpSink()
  await tell(plain(sink.port), { event: { ...FAILED, database: 'größe' } })
  expect(sink.mails[0]?.text).toMatch(/^Subject: =\?UTF-8\?/m)
})

function rejecting(code: number): SMTPServerOptions {
  return {
    onMailFrom(_address, _session, done) {
      done(Object.assign(new Error('the inside of a network'), { responseCode: code }))
    },
  }
}

test('what a mail server refuses for good is not tried again, and what it said is not repeated', async () => {
  const sink = await openSmtpSink(rejecting(550))
  const result = await tell(plain(sink.port))
  expect(result).toMatchObject({ reason: 'rejected', message: 'The mail server answered 550', attempts: 1 })
  expect(JSON.stringify(result)).not.toContain('network')
})

test('what a mail server refuses for now is tried again', async () => {
  const sink = await openSmtpSink(rejecting(451))
  expect(await tell(plain(sink.port))).toMatchObject({ reason: 'rejected', attempts: 5 })
})

/** Refuses recipients with the codes that stand for each, one after another, then takes them. */
function refusing(codes: Readonly<Record<string, readonly number[]>>): SMTPServerOptions {
  const left = new Map(Object.entries(codes).map(([address, all]) => [address, [...all]]))
  return {
    onRcptTo({ address }, _session, done) {
      const code = left.get(address)?.shift()
      if (code === undefined) done()
      else done(Object.assign(new Error('the inside of a network'), { responseCode: code }))
    },
  }
}

test('a recipient whom the mail server refuses for good is not told, and the others get one mail', async () => {
  const sink = await openSmtpSink(refusing({ 'bob@example.org': [550, 550] }))
  const result = await tell(plain(sink.port))
  expect(result).toMatchObject({
    status: 'failed',
    reason: 'rejected',
    message: 'The mail server refuses bob@example.org (550)',
    attempts: 1,
  })
  expect(JSON.stringify(result)).not.toContain('network')
  expect(sink.mails.map(({ to }) => to)).toEqual([['ann@example.org']])
})

test('a recipient whom the mail server refuses for now gets the mail later, and nobody gets it twice', async () => {
  const sink = await openSmtpSink(refusing({ 'bob@example.org': [451, 451] }))
  expect(await tell(plain(sink.port))).toMatchObject({ status: 'sent', attempts: 3 })
  expect(sink.mails.map(({ to }) => to)).toEqual([['ann@example.org'], ['bob@example.org']])
  // Who reads it sees all the same whom else it went to.
  expect(sink.mails[1]?.text).toMatch(/^To: ann@example\.org, bob@example\.org\r$/m)
})

test('recipients who are all refused, some for now, are told of as long as one is refused for good', async () => {
  const sink = await openSmtpSink(refusing({ 'ann@example.org': [550], 'bob@example.org': [451] }))
  expect(await tell(plain(sink.port))).toMatchObject({
    message: 'The mail server refuses ann@example.org (550)',
    attempts: 2,
  })
  expect(sink.mails.map(({ to }) => to)).toEqual([['bob@example.org']])
})

test('those who took a mail do not get it again with each failure because another one is refused for good', async () => {
  const sink = await openSmtpSink(refusing({ 'bob@example.org': [550, 550, 550] }))
  const channels = { mail: plain(sink.port) }
  const notifier = openNotifier({ channels }, { host: 'web1', timeZone: 'UTC', patience: PATIENCE })
  expect(await notifier.notify(FAILED)).toMatchObject([{ status: 'failed' }])
  expect(await notifier.notify(FAILED)).toMatchObject([{ status: 'skipped' }])
  expect(sink.mails).toHaveLength(1)
})

test('who is refused for now until the time is up is told by the next run', async () => {
  const sink = await openSmtpSink(refusing({ 'bob@example.org': [451, 451, 451, 451, 451] }))
  const channels = { mail: plain(sink.port) }
  const notifier = openNotifier({ channels }, { host: 'web1', timeZone: 'UTC', patience: PATIENCE })
  expect(await notifier.notify(FAILED)).toMatchObject([
    { status: 'failed', message: 'The mail server refuses bob@example.org (451)', attempts: 5 },
  ])
  expect(await notifier.notify(FAILED)).toMatchObject([{ status: 'sent' }])
  expect(sink.mails.at(-1)?.to).toContain('bob@example.org')
})

test('a mail server that is not there, or never speaks, is given up', async () => {
  expect(await tell(plain(await freePort()))).toMatchObject({ reason: 'unreachable', attempts: 5 })
  const silent = await openSmtpSink({ onConnect: () => {} })
  const patience = { attemptMs: 100, deadlineMs: 150, firstDelayMs: 1 }
  expect(await tell(plain(silent.port), { patience })).toMatchObject({ reason: 'timed-out' })
})

test('a server without TLS gets neither password nor mail', async () => {
  const asked: string[] = []
  const sink = await openSmtpSink({
    disabledCommands: ['STARTTLS'],
    onAuth({ username = '' }, _session, done) {
      asked.push(username)
      done(null, { user: username })
    },
  })
  const channel = {
    ...plain(sink.port),
    tls: 'starttls',
    user: 'ann',
    password: { env: 'PASSWORD' },
  } as const
  const result = await tell(channel, { environment: { PASSWORD: 'hunter2hunter2' } })
  expect(result).toMatchObject({ message: 'The mail server offers no TLS', attempts: 1 })
  expect(asked).toEqual([])
  expect(sink.mails).toEqual([])
})

const accepting: SMTPServerOptions = {
  onAuth({ username, password }, _session, done) {
    if (password === 'hunter2hunter2') done(null, { user: username ?? '' })
    else done(new Error('wrong'))
  },
}

for (const tls of ['starttls', 'implicit'] as const) {
  testWith(
    ['openssl'],
    `with ${tls} a mail goes encrypted, to a trusted server only, after the password`,
    async () => {
      const certificate = makeCertificate()
      const sink = await openSmtpSink({ ...accepting, ...certificate, secure: tls === 'implicit' })
      const channel = {
        ...plain(sink.port),
        host: 'localhost',
        tls,
        user: 'ann',
        password: { env: 'PASSWORD' },
      }
      const environment = { PASSWORD: 'hunter2hunter2' }
      expect(await tell(channel, { environment })).toMatchObject({
        reason: 'unreachable',
        hint: expect.stringContaining('NODE_EXTRA_CA_CERTS') as unknown,
      })
      expect(sink.mails).toEqual([])
      trust(certificate)
      expect(await tell(channel, { environment })).toMatchObject({ status: 'sent' })
      expect(sink.mails).toMatchObject([{ user: 'ann', isSecure: true }])
      expect(await tell(channel, { environment: { PASSWORD: 'wrong password' } })).toMatchObject({
        reason: 'rejected',
        message: 'The mail server does not accept the user and password',
        attempts: 1,
      })
    },
  )
}
