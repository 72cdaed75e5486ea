import { readFileSync, writeFileSync } from 'node:fs'

/** Changes one bit of a file. */
export function damageByte(path: string, at: number): void {
  const bytes = readFileSync(path)
  writeFileSync(path, bytes.with(at, (bytes[at] ?? 0) ^ 1))
}
