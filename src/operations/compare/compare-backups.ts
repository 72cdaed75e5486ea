import type { Context } from '../context.ts'
import type { BackupsCompared, CompareBackupsRequest } from '../reports.ts'

export async function compareBackups(
  request: CompareBackupsRequest & { readonly backup: string },
  context: Context,
): Promise<BackupsCompared> {
  throw new Error(`Not yet: ${request.backup} ${context.settings.name}`)
}
