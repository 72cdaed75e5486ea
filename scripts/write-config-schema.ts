/** Writes schema/config.schema.json from the configuration's own schema. A test sees that it is current. */
import { writeFileSync } from 'node:fs'
import { configJsonSchema } from '../src/config/json-schema.ts'

writeFileSync(
  new URL('../schema/config.schema.json', import.meta.url),
  `${JSON.stringify(configJsonSchema(), null, 2)}\n`,
)
