import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openSchedulerLog } from '../../src/scheduler/log.ts'
import { hideSecrets } from '../../src/scheduler/log-secrets.ts'
import { temporaryDirectory } from '../support/temporary.ts'

const CANARY = 'c4n"ary/§ecret+value'

test('no line holds a value that the configuration calls secret, wherever it was put and however it was written', async () => {
  const path = join(temporaryDirectory(), 'backup_scheduler.log')
  const { log, close } = openSchedulerLog({
    path,
    level: 'trace',
    maxSizeBytes: 1e6,
    maxDays: 1,
    echo: null,
    secrets: () => [CANARY],
  })
  const base64 = Buffer.from(CANARY).toString('base64')
  const forms = [
    CANARY,
    JSON.stringify(CANARY).slice(1, -1),
    encodeURIComponent(CANARY),
    base64,
    Buffer.from(CANARY).toString('base64url'),
    Buffer.from(CANARY).toString('hex'),
  ]
  const cause = new Error(`refused ${CANARY}`)
  const error = Object.assign(new Error(`failed with ${CANARY}`, { cause }), { details: { given: CANARY } })
  for (const form of forms) {
    log.info(`message ${form} in the middle`)
    log.warn({ text: form, list: [form, { deep: form }], [form]: 1 }, 'fields')
    log.child({ binding: form }).info('binding')
    log.error({ err: new Error(form) }, '%s', form)
  }
  log.error(error)
  log.error({ error, err: error }, 'both')
  log.fatal({ toJSON: () => ({ made: CANARY }) })
  await close()
  const text = readFileSync(path, 'utf8')
  for (const form of forms) expect(text).not.toContain(form)
  expect(text.split('\n')).toHaveLength(forms.length * 4 + 4)
  expect(text).toContain('message [hidden] in the middle')
})

test('secrets that a reload brings are hidden from then on', async () => {
  const path = join(temporaryDirectory(), 'backup_scheduler.log')
  let secrets: string[] = []
  const options = { path, level: 'info', maxSizeBytes: 1e6, maxDays: 1, echo: null } as const
  const { log, close } = openSchedulerLog({ ...options, secrets: () => secrets })
  log.info('plainword')
  secrets = ['plainword', 'plainword-longer']
  log.info('plainword-longer plainword')
  await close()
  const messages = readFileSync(path, 'utf8').split('\n').filter(Boolean)
  expect(messages.map(line => (JSON.parse(line) as { msg: string }).msg)).toEqual([
    'plainword',
    '[hidden] [hidden]',
  ])
})

test.each([
  ['password: hunter22', 'password: [hidden]'],
  ['smtp_password=hunter22, host=mail', 'smtp_password=[hidden], host=mail'],
  ['{"apiKey":"hunter22","a":1}', '{"apiKey":[hidden],"a":1}'],
  ['Authorization: Bearer abc.def-123', 'Authorization: Bearer [hidden]'],
  ['Basic dXNlcjpwYXNz sent', 'Basic [hidden] sent'],
  ['https://hooks.slack.com/services/T0/B0/xyz failed', 'https://hooks.slack.com/[hidden] failed'],
  ['https://user:pw@example.org/', 'https://example.org/[hidden]'],
  ['https://example.org', 'https://example.org'],
  ['http://127.0.0.1:8080?key=1', 'http://127.0.0.1:8080/[hidden]'],
  ['sftp://user:pw@host/path', 'sftp://[hidden]@host/path'],
  ['AGE-SECRET-KEY-1QQQ here', '[hidden] here'],
  ['-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY----- rest', '[hidden] rest'],
  ['Backup created: /backups/daily/app_backup_daily_20261125_020000.db', null],
  ['the primary key of tokens', null],
])('%s is logged as %s', (text, expected) => {
  expect(hideSecrets({ msg: text }, [])).toEqual({ msg: expected ?? text })
})

test('fields are hidden by their names, whatever they hold, and others stay', () => {
  const entry = {
    webhook: 'x',
    headers: { authorization: ['x'], cookie: 'x', accept: 'y' },
    smtp: { password: 12_345, user: 'u', token: null },
    durationMs: 3,
  }
  expect(hideSecrets(entry, [])).toEqual({
    webhook: '[hidden]',
    headers: { authorization: '[hidden]', cookie: '[hidden]', accept: 'y' },
    smtp: { password: '[hidden]', user: 'u', token: null },
    durationMs: 3,
  })
})
