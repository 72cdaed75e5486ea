/** Which start of the machine this is. */
import { readFile } from 'node:fs/promises'

const PATH = '/proc/sys/kernel/random/boot_id'
let known: Promise<string | null> | undefined

/** As Linux has it, the same in all containers of a machine; null elsewhere. It does not change while a process runs. */
export function bootId(): Promise<string | null> {
  return (known ??= readBootId())
}

async function readBootId(): Promise<string | null> {
  try {
    const text = (await readFile(PATH, 'utf8')).trim()
    return /^[0-9a-f-]{36}$/.test(text) ? text : null
  } catch {
    return null
  }
}
