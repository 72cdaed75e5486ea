import { z } from '@hono/zod-openapi'
import { type Editable, editable } from './schedule.ts'

export interface SettingsView {
  readonly version: string
  readonly startedAt: string
  readonly defaultDatabase: string
  readonly editable: Editable
}

export const settingsView: z.ZodType<SettingsView> = z
  .object({ version: z.string(), startedAt: z.string(), defaultDatabase: z.string(), editable })
  .openapi('Settings')
