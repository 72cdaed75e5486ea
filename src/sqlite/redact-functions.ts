import type { DatabaseSync } from 'node:sqlite'
import type { RedactionFunction } from '../export/redact/plan.ts'

/** Makes the functions known to a connection. The schema's own SQL, which may be hostile, cannot call them. */
export function registerRedactions(connection: DatabaseSync, functions: readonly RedactionFunction[]): void {
  for (const { name, redact } of functions)
    connection.function(name, { deterministic: true, directOnly: true, useBigIntArguments: true }, value =>
      redact(value),
    )
}
