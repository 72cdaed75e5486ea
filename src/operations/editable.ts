/** Whether a program can change the configuration, and which one it is. */
import { createHash } from 'node:crypto'
import { access, constants, realpath } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import type { LoadedConfig } from '../config/load.ts'
import { configStamp } from '../config/stamp.ts'
import { unlessMissing } from '../storage/io-errors.ts'
import type { Editable } from './file-reports.ts'

/** Made where there is no configuration. */
const NEW_FILE = 'chame-backup.config.json'

type Place = Pick<LoadedConfig, 'file' | 'directory'>

/** JSON it can change, where its directory can be written, and one that is missing it makes. Code it cannot. */
export async function editableOf(loaded: Place): Promise<Omit<Editable, 'version'>> {
  const refused = (why: string): Omit<Editable, 'version'> => ({ file: loaded.file, isEditable: false, why })
  if (loaded.file !== null && extname(loaded.file) !== '.json') {
    return refused(`The configuration is code: ${loaded.file}. Edit it yourself.`)
  }
  const file = await editedFile(loaded)
  // It is replaced by a new one, which is made beside it.
  if (await isWritable(dirname(file))) return { file: loaded.file, isEditable: true, why: null }
  return refused(
    `The user of this program may not write to the directory of the configuration: ${dirname(file)}. Let it, or edit ${file} yourself.`,
  )
}

/** The file that an edit replaces. A link stays one: what it leads to is changed. */
export async function editedFile({ file, directory }: Place): Promise<string> {
  const found = file ?? join(directory, NEW_FILE)
  return (await unlessMissing(found, () => realpath(found))) ?? found
}

/** Names what the configuration is, where `loadConfig` finds it. Tells nothing of what is in it: there may be secrets. */
export async function versionOf(workingDirectory: string, explicit?: string): Promise<string> {
  const stamp = await configStamp(workingDirectory, explicit)
  return createHash('sha256').update(stamp).digest('hex').slice(0, VERSION_LENGTH)
}

/** Enough that two are never the same by chance. */
const VERSION_LENGTH = 32

async function isWritable(directory: string): Promise<boolean> {
  return access(directory, constants.W_OK).then(
    () => true,
    () => false,
  )
}
