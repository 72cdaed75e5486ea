import { join } from 'node:path'
import { deletingPath } from '../catalog/deleting.ts'
import { type Encoding, ENCODINGS } from '../catalog/encodings.ts'
import { metadataPath, typeDirectory } from '../catalog/layout.ts'
import { backupFilename, type LocalTime } from '../catalog/names.ts'
import { isThere } from '../storage/durable.ts'
import type { Context } from './context.ts'

/**
 * A name that neither a backup nor metadata has, in this encoding or another; nothing is ever overwritten. The lock
 * keeps others from taking it.
 */
export async function freeFilename(
  type: string,
  time: LocalTime,
  { settings }: Context,
  encoding: Encoding = 'plain',
): Promise<string> {
  for (let attempt = 1; ; attempt++) {
    const names = ENCODINGS.map(each => backupFilename(settings.name, type, time, attempt, each))
    const taken = names.flatMap(filename => {
      const path = join(typeDirectory(settings.backupDir, type), filename)
      return [
        path,
        `${path}.damaged`,
        metadataPath(settings.backupDir, filename),
        deletingPath(settings.backupDir, { type, filename }),
      ]
    })
    if ((await Promise.all(taken.map(isThere))).includes(true)) continue
    return backupFilename(settings.name, type, time, attempt, encoding)
  }
}
