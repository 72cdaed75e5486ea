import { z } from 'zod'
import { configSchema } from './schema.ts'

/** The configuration's schema as JSON Schema, for editors. Published as `chame-backup/config.schema.json`. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configSchema, { target: 'draft-7', io: 'input' })
}
