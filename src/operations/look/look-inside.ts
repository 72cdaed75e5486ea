import type { Context } from '../context.ts'
import type { BackupLookedInside, LookInsideRequest } from '../reports.ts'

export async function lookInside(
  request: LookInsideRequest & { readonly backup: string },
  context: Context,
): Promise<BackupLookedInside> {
  throw new Error(`Not yet: ${request.backup} ${context.settings.name}`)
}
