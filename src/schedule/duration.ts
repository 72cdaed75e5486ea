/** Durations as a configuration writes them: "90s", "15m", "36h", "7d". */

const UNIT_MS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const DURATION = /^(\d{1,5})([smhd])$/

/** Milliseconds; null for a text that is no duration. */
export function parseDuration(text: string): number | null {
  const [, count, unit] = DURATION.exec(text) ?? []
  const unitMs = UNIT_MS[unit ?? '']
  return unitMs === undefined ? null : Number(count) * unitMs
}

/** Milliseconds of a text that the configuration's schema has let through. */
export function durationMs(text: string): number {
  const ms = parseDuration(text)
  if (ms === null) throw new Error(`not a duration: ${text}`)
  return ms
}
