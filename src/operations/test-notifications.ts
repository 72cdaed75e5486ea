import type { NotifyConfig } from '../config/notify.ts'
import { BackupError } from '../errors.ts'
import { type NotifierPorts, openNotifier } from '../notify/notifier.ts'
import type { NotificationsTested, TestNotificationsRequest } from './monitoring-reports.ts'

/** Sends a test to every channel, or to one. A channel that fails is the answer, not an error. */
export async function testNotifications(
  config: NotifyConfig | undefined,
  { channel, signal }: TestNotificationsRequest,
  ports: NotifierPorts & { readonly now: () => Date },
): Promise<NotificationsTested> {
  const names = Object.keys(config?.channels ?? {})
  if (config === undefined || names.length === 0) {
    throw new BackupError('CONFIG_INVALID', 'No notifications are configured', {
      hint: 'Add "notify" with its "channels" to the configuration file: see docs/notifications.md.',
    })
  }
  if (channel !== undefined && !names.includes(channel)) {
    throw new BackupError('INVALID_ARGUMENT', `Unknown channel: ${JSON.stringify(channel)}`, {
      hint: `The configuration has: ${names.join(', ')}.`,
    })
  }
  const channels = await openNotifier(config, ports).notify(
    { kind: 'test', at: ports.now() },
    { ...(channel === undefined ? {} : { channel }), ...(signal === undefined ? {} : { signal }) },
  )
  const hasFailed = channels.some(({ status }) => status === 'failed')
  return { success: true, status: hasFailed ? 'failed' : 'sent', channels }
}
