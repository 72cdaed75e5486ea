/** The oracle's look at a backup directory: what is stored there, and whether each of it is whole. */
import { createHash } from 'node:crypto'
import { lstatSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { BACKED_UP, NOW, type Scene, treeOf } from '../restore/scene.ts'
import { assertIntact } from '../support/intact.ts'
import { filesBelow } from '../support/temporary.ts'

export interface Stored {
  /** By path below the backup directory: the commit that the image holds. */
  readonly images: Readonly<Record<string, number>>
  readonly isDescribed: (image: string) => boolean
  readonly violations: readonly string[]
}

export const STAGING: RegExp = /^\.chame-(backup-[0-9a-f]{8}|work)-[0-9a-f]{12}$/
const IMAGE = /^(manual|pre_restore)\/app_backup_\1_\d{8}_\d{6}(_\d+)?\.db$/
const METADATA = /^metadata\/app_backup_(manual|pre_restore)_\d{8}_\d{6}(_\d+)?\.db\.json$/
/** Of a deletion under way: the metadata under another name. */
const MARK = /^metadata\/app_backup_manual_\d{8}_\d{6}(_\d+)?\.db\.json\.deleting-manual$/
export const KEPT: RegExp =
  /^pre_restore\/app_backup_pre_restore_\d{8}_\d{6}(_\d+)?\.db\.damaged(-wal|-journal)?$/
const OTHERS: readonly string[] = ['manual', 'pre_restore', 'metadata', '.chame-backup.lock']

/** Nothing but what belongs there, private; what was stored before is as it was; whatever is stored is whole. */
export function examineStored(scene: Scene, earlier: Readonly<Record<string, string>>): Stored {
  const published = publishedIn(scene)
  const images: Record<string, number> = {}
  const violations = [...strangersIn(scene)]
  for (const [name, entry] of Object.entries(earlier)) {
    if (published[name] !== entry) violations.push(`${name}, which was there before, has changed or is gone`)
  }
  for (const name of Object.keys(published)) {
    if (METADATA.test(name)) violations.push(...problemsOfMetadata(scene, name))
    if (!IMAGE.test(name)) continue
    try {
      images[name] = assertIntact(join(scene.backupDir, name)).commits
    } catch (error) {
      violations.push(`${name} is not whole: ${firstLine(error)}`)
    }
    const commit = images[name]
    if (commit !== undefined && commit !== NOW && commit !== BACKED_UP) violations.push(`${name}: ${commit}`)
  }
  return {
    images,
    violations,
    isDescribed: image => `metadata/${basename(image)}.json` in published,
  }
}

function problemsOfMetadata(scene: Scene, name: string): string[] {
  try {
    const metadata = JSON.parse(readFileSync(join(scene.backupDir, name), 'utf8')) as Record<string, unknown>
    const image = join(scene.backupDir, String(metadata['backup_type']), basename(name, '.json'))
    const bytes = readFileSync(image)
    const checksum = createHash('sha256').update(bytes).digest('hex')
    const isRight = metadata['file_size'] === bytes.length && metadata['checksum'] === checksum
    return problemsUnless(isRight, `${name} describes another image`)
  } catch (error) {
    return [`${name} cannot be read, or has no image: ${firstLine(error)}`]
  }
}

/** Every stored file outside of staging directories, by path below the backup directory. */
export function publishedIn(scene: Scene): Record<string, string> {
  const tree = Object.entries(treeOf(scene.backupDir))
  return Object.fromEntries(
    tree.filter(([name]) => IMAGE.test(name) || METADATA.test(name) || KEPT.test(name)),
  )
}

/** The marks of deletions that were begun and not finished; names of files. */
export function marksIn({ backupDir }: Scene): string[] {
  return filesBelow(backupDir)
    .filter(name => MARK.test(name))
    .map(name => basename(name))
}

function strangersIn({ backupDir }: Scene): string[] {
  return filesBelow(backupDir).flatMap(name => {
    // In a directory that is ours alone anything may lie, with any mode.
    if (
      dirname(name)
        .split('/')
        .some(part => STAGING.test(part))
    )
      return []
    const isKnown =
      OTHERS.includes(name) ||
      STAGING.test(basename(name)) ||
      [IMAGE, METADATA, KEPT, MARK].some(pattern => pattern.test(name))
    const mode = lstatSync(join(backupDir, name)).mode & 0o777
    const isPrivate = (mode & 0o077) === 0
    return [
      ...problemsUnless(isKnown, `${name} does not belong in a backup directory`),
      ...problemsUnless(isPrivate, `${name} has mode ${mode.toString(8)}`),
    ]
  })
}

export function problemsUnless(isFine: boolean, problem: string): string[] {
  return isFine ? [] : [problem]
}

export function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0] ?? ''
}
