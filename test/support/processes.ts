import { readdirSync, readFileSync } from 'node:fs'

/** The command lines of all processes, which anybody on the machine may read. Linux only; none elsewhere. */
export function commandLines(): string[] {
  return processIds().map(pid => read(`/proc/${pid}/cmdline`).replaceAll('\0', ' '))
}

function processIds(): string[] {
  try {
    return readdirSync('/proc').filter(name => /^\d+$/.test(name))
  } catch {
    return []
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    // It has ended meanwhile.
    return ''
  }
}
