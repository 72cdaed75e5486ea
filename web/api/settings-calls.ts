/** The routes behind the page Settings: notifications, targets, tokens, the server itself. */
import { get, post, remove, url } from './http.ts'
import type {
  AccessToken,
  ChannelView,
  JobOf,
  NotificationsTested,
  Role,
  SettingsView,
  TargetInfo,
} from './types.ts'

export async function listChannels(signal?: AbortSignal): Promise<readonly ChannelView[]> {
  return (await get<{ readonly channels: readonly ChannelView[] }>(url(['notifications']), signal)).channels
}

export async function testNotifications(channel: string): Promise<NotificationsTested> {
  return post(url(['notifications', 'test']), { channel })
}

export async function listTargets(signal?: AbortSignal): Promise<readonly TargetInfo[]> {
  return (await get<{ readonly targets: readonly TargetInfo[] }>(url(['targets']), signal)).targets
}

export function recoverySheetUrl(): string {
  return url(['recovery-sheet'])
}

export async function listTokens(signal?: AbortSignal): Promise<readonly AccessToken[]> {
  return (await get<{ readonly tokens: readonly AccessToken[] }>(url(['tokens']), signal)).tokens
}

export interface TokenWanted {
  readonly name: string
  readonly role: Role
  /** UTC, ISO 8601; null: never. */
  readonly expiresAt: string | null
}

export async function createToken(
  request: TokenWanted,
): Promise<{ readonly secret: string; readonly token: AccessToken }> {
  return post(url(['tokens']), request)
}

export async function revokeToken(id: string): Promise<void> {
  await remove(url(['tokens', id]))
}

export async function getSettings(signal?: AbortSignal): Promise<SettingsView> {
  return get(url(['settings']), signal)
}

export async function checkTarget(target: string): Promise<JobOf<'check-target'>> {
  return post(url(['targets', target, 'check']))
}
