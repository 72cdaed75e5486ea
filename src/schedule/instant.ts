/** Instants as somebody types them, and never what `Date` guesses of "12", "6/7/25" or a 30th of February. */
import { z } from 'zod'

const INSTANT = z.union([
  z.iso.date(),
  z.iso.datetime({ offset: true }),
  z.iso.datetime({ offset: true, precision: -1 }),
])

/**
 * Of ISO 8601: a time with its zone, or a date, which is midnight of UTC. Null for any other text; for a time without
 * a zone too, as it is another instant on every machine.
 */
export function parseInstant(text: string): Date | null {
  return INSTANT.safeParse(text).success ? new Date(text) : null
}
