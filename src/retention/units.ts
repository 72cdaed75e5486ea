/** Spans and sizes as people write them in policies. */

const HOUR_MS = 3_600_000
const SPAN = /^(?:(\d{1,5})y)?(?:(\d{1,5})m)?(?:(\d{1,5})w)?(?:(\d{1,5})d)?(?:(\d{1,6})h)?$/
const SIZE = /^(\d{1,9}(?:\.\d{1,3})?) ?(B|KB|MB|GB|TB|KIB|MIB|GIB|TIB)$/i
const BYTES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
}

/** Whether the text is a span, such as "30d", "12h", "8w", "6m" (months), "1y" or "1y6m", and none of no length. */
export function isSpan(text: string): boolean {
  return SPAN.test(text) && /[1-9]/.test(text)
}

/** Whether the text is a size, such as "10GB" (10^9 bytes) or "512MiB" (2^20). */
export function isSize(text: string): boolean {
  return SIZE.test(text)
}

/**
 * The instant a span before another. Days have 24 hours and weeks 7 days, whatever a time zone does; months and
 * years are those of the calendar (UTC), and a day that the other month does not have becomes its last.
 *
 * @param span as {@link isSpan} knows it
 */
export function before(instant: Date, span: string): Date {
  return moved(instant, span, -1)
}

/** The instant a span after another, likewise. */
export function after(instant: Date, span: string): Date {
  return moved(instant, span, 1)
}

function moved(instant: Date, span: string, sign: 1 | -1): Date {
  const [years, months, weeks, days, hours] = (SPAN.exec(span) ?? []).slice(1).map(part => Number(part ?? 0))
  const month = otherMonth(instant, sign * ((years ?? 0) * 12 + (months ?? 0)))
  return new Date(month + sign * ((weeks ?? 0) * 168 + (days ?? 0) * 24 + (hours ?? 0)) * HOUR_MS)
}

function otherMonth(instant: Date, months: number): number {
  const first = new Date(instant)
  first.setUTCDate(1)
  first.setUTCMonth(first.getUTCMonth() + months)
  const last = new Date(first)
  last.setUTCMonth(last.getUTCMonth() + 1)
  last.setUTCDate(0)
  return first.setUTCDate(Math.min(instant.getUTCDate(), last.getUTCDate()))
}

/** @param size bytes, or text as {@link isSize} knows it */
export function bytesOf(size: number | string): number {
  if (typeof size === 'number') return size
  const [, amount = '', unit = ''] = SIZE.exec(size) ?? []
  return Math.floor(Number(amount) * (BYTES[unit.toUpperCase()] ?? Number.NaN))
}
