/** Testing the channels from code. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Database, type NotifyConfig } from '../../src/index.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { openHttpSink, statuses } from './sinks.ts'

function withChannels(notify?: NotifyConfig): Database {
  const config = join(temporaryDirectory(), 'chame-backup.config.json')
  writeFileSync(config, JSON.stringify({ path: 'app.db', timeZone: 'Europe/Berlin', notify }))
  return new Database({ config, engine: 'here' })
}

test('every channel gets a test, or the one that is named', async () => {
  const sink = await openHttpSink()
  const database = withChannels({
    channels: {
      one: { kind: 'webhook', url: `${sink.url}/one` },
      two: { kind: 'webhook', url: `${sink.url}/two` },
    },
  })
  expect(succeeded(await database.testNotifications())).toMatchObject({
    status: 'sent',
    channels: [
      { channel: 'one', status: 'sent' },
      { channel: 'two', status: 'sent' },
    ],
  })
  expect(succeeded(await database.testNotifications({ channel: 'two' })).channels).toHaveLength(1)
  expect(sink.received.map(({ path }) => path).toSorted()).toEqual(['/one', '/two', '/two'])
})

test('a channel that does not take it is a result, with why', async () => {
  const sink = await openHttpSink(statuses(404))
  const database = withChannels({ channels: { gone: { kind: 'webhook', url: sink.url } } })
  expect(succeeded(await database.testNotifications())).toMatchObject({
    status: 'failed',
    channels: [{ channel: 'gone', status: 'failed', code: 'NOTIFICATION_FAILED', reason: 'rejected' }],
  })
})

test('a test that is cancelled has reached nobody', async () => {
  const sink = await openHttpSink()
  const database = withChannels({ channels: { one: { kind: 'webhook', url: sink.url } } })
  const tested = succeeded(await database.testNotifications({ signal: AbortSignal.abort() }))
  expect(tested.channels).toMatchObject([{ status: 'failed', reason: 'cancelled' }])
  expect(sink.received).toEqual([])
})

test('without channels, or with a name that is none of them, the mistake is named', async () => {
  expect(failedWith('CONFIG_INVALID', await withChannels().testNotifications()).hint).toContain('"channels"')
  const database = withChannels({ channels: { mine: { kind: 'webhook', url: 'http://127.0.0.1:1' } } })
  const failure = failedWith('INVALID_ARGUMENT', await database.testNotifications({ channel: 'other' }))
  expect(failure).toMatchObject({ message: 'Unknown channel: "other"', hint: 'The configuration has: mine.' })
})
