import type { ChannelConfig, ChannelResult, NotifierPorts, NotifyEvent } from '../../src/index.ts'
import { openNotifier } from '../../src/index.ts'
import { FAILED } from './events.ts'

/** Soon tried again, so that tests of what fails end; long enough for any answer of this machine. */
export const PATIENCE = { attemptMs: 20_000, deadlineMs: 60_000, firstDelayMs: 1 }

export interface TellOptions extends NotifierPorts {
  readonly event?: NotifyEvent
}

/** Tells one channel of a failure, or of `event`. */
export async function tell(channel: ChannelConfig, options: TellOptions = {}): Promise<ChannelResult> {
  const { event = FAILED, ...ports } = options
  const notifier = openNotifier(
    { channels: { it: channel } },
    { host: 'web1', timeZone: 'UTC', environment: {}, patience: PATIENCE, ...ports },
  )
  const [result] = await notifier.notify(event)
  if (result === undefined) throw new Error('The channel does not receive this event')
  return result
}
