import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openHttpSink, openSmtpSink, statuses } from '../notify/sinks.ts'
import { openWorkplace, type Workplace } from './run-cli.ts'

function configure(place: Workplace, channels: Record<string, object>): void {
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify({ notify: { channels } }))
}

test('notify --test sends a test to every channel and says so', async () => {
  using place = openWorkplace()
  const [http, mail] = [await openHttpSink(), await openSmtpSink()]
  const email = {
    kind: 'email',
    host: '127.0.0.1',
    port: mail.port,
    tls: 'none',
    from: 'a@example.org',
    to: ['b@example.org'],
  }
  configure(place, { ops: { kind: 'slack', url: { env: 'SLACK_URL' } }, mail: email })
  const result = await place.cli(['notify', '--test'], { env: { SLACK_URL: `${http.url}/T0/B0/secret` } })
  expect(result).toMatchObject({ exit: 0, stderr: '' })
  expect(result.stdout).toMatch(/^✔ Sent: ops \(slack\), .+\n✔ Sent: mail \(email\), .+\n$/)
  expect(http.received[0]?.body).toContain('this is a test')
  expect(mail.mails[0]?.text).toContain('Subject: chame-backup: this is a test')
})

test('notify --test --channel sends to one, and --quiet says nothing of success', async () => {
  using place = openWorkplace()
  const [a, b] = [await openHttpSink(), await openHttpSink()]
  configure(place, { a: { kind: 'webhook', url: a.url }, b: { kind: 'webhook', url: b.url } })
  expect(await place.cli(['notify', '--test', '--channel', 'b', '--quiet'])).toEqual({
    exit: 0,
    stdout: '',
    stderr: '',
  })
  expect([a.received.length, b.received.length]).toEqual([0, 1])
})

test('a channel that did not take the test makes exit code 3, with why and what to do, without its secrets', async () => {
  using place = openWorkplace()
  const refuses = await openHttpSink(statuses(403))
  const works = await openHttpSink()
  configure(place, {
    refuses: { kind: 'gotify', url: refuses.url, token: { env: 'GOTIFY_TOKEN' } },
    unset: { kind: 'slack', url: { env: 'SLACK_URL' } },
    works: { kind: 'webhook', url: works.url },
  })
  const env = { GOTIFY_TOKEN: 'CANARY-4711', CHAME_BACKUP_DEBUG: '1' }
  const result = await place.cli(['notify', '--test'], { env })
  expect(result.exit).toBe(3)
  expect(result.stdout).toContain('✘ Failed: refuses (gotify)')
  expect(result.stdout).toContain(
    '  The receiver answered 403\n  The token or URL is not, or no longer, the right one',
  )
  expect(result.stdout).toContain('  The environment variable SLACK_URL is not set\n  Set it where')
  expect(result.stdout).toContain('✔ Sent: works (webhook)')
  const json = await place.cli(['notify', '--test', '--json'], { env })
  expect(json.exit).toBe(3)
  expect(JSON.parse(json.stdout)).toMatchObject({
    success: true,
    status: 'failed',
    channels: [
      { channel: 'refuses', status: 'failed', code: 'NOTIFICATION_FAILED', reason: 'rejected' },
      { channel: 'unset', status: 'failed', reason: 'no-secret' },
      { channel: 'works', status: 'sent' },
    ],
  })
  expect(result.stdout + result.stderr + json.stdout + json.stderr).not.toContain('CANARY')
})

test('without channels, with one that is not there, or without --test the mistake is named', async () => {
  using place = openWorkplace()
  const none = await place.cli(['notify', '--test'])
  expect(none).toMatchObject({ exit: 2, stdout: '' })
  expect(none.stderr).toContain('No notifications are configured')
  configure(place, { ops: { kind: 'slack', url: { env: 'SLACK_URL' } } })
  const unknown = await place.cli(['notify', '--test', '--channel', 'opps'])
  expect(unknown.exit).toBe(2)
  expect(unknown.stderr).toContain('Unknown channel: "opps"\nThe configuration has: ops.')
  const untold = await place.cli(['notify'])
  expect(untold.exit).toBe(2)
  expect(untold.stderr).toContain("'--test' not specified")
})

test('a secret in the configuration is refused, and not repeated', async () => {
  using place = openWorkplace()
  configure(place, { ops: { kind: 'slack', url: 'https://hooks.slack.com/services/CANARY' } })
  const result = await place.cli(['notify', '--test'])
  expect(result.exit).toBe(2)
  expect(result.stderr).toContain('a secret does not belong in the configuration')
  expect(result.stdout + result.stderr).not.toContain('CANARY')
})
