/** Microseconds of the system's monotonic clock: the same one in every process of this machine. */
export function now(): number {
  return Number(process.hrtime.bigint() / 1000n)
}
