/** Whether the configuration file is another one by now: rewritten, replaced, gone, or there at last. */
import { stat } from 'node:fs/promises'
import { findConfigFile } from './load.ts'

/**
 * Names what the configuration file holds, by where it is, which file that is and when it was last changed; asked again, the
 * same name means the same content. Reads nothing of it, and never rejects: what cannot be seen is a state, too.
 */
export async function configStamp(workingDirectory: string, explicit?: string): Promise<string> {
  try {
    const file = await findConfigFile(workingDirectory, explicit)
    if (file === null) return 'none'
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true })
    return [file, dev, ino, size, mtimeNs, ctimeNs].join(' ')
  } catch (error) {
    return `unreadable ${(error as NodeJS.ErrnoException).code ?? 'for another reason'}`
  }
}
