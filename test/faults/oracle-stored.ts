/** The oracle's look at a backup directory, or at a target: what is stored there, and whether each of it is whole. */
import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { BACKED_UP, NOW, treeOf } from '../restore/scene.ts'
import { filesBelow } from '../support/temporary.ts'
import { commitIn } from './oracle-image.ts'

export interface Stored {
  /** By path below the directory: the commit that the image holds. */
  readonly images: Readonly<Record<string, number>>
  readonly isDescribed: (image: string) => boolean
  readonly violations: readonly string[]
}

/** How a directory is looked at. */
export interface StoredLook {
  readonly directory: string
  /** What was published there before, as {@link publishedIn} tells of it. */
  readonly earlier: Readonly<Record<string, string>>
  /** Keys of metadata in which the operation notes what it did, of whatever backup. */
  readonly notes: readonly string[]
  /** What else may lie there. */
  readonly others: readonly RegExp[]
  /** What opens what is encrypted. */
  readonly keyPath: string
}

const TYPE = '(manual|daily|pre_restore)'
/** What follows the type in a name: the time, and how it is stored. */
const REST = String.raw`_\d{8}_\d{6}(_\d+)?\.db(\.zst(\.age)?|\.blocks)?`
export const STAGING: RegExp = /^\.chame-(backup-[0-9a-f]{8}|work)-[0-9a-f]{12}$/
export const IMAGE: RegExp = new RegExp(`^${TYPE}/app_backup_\\1${REST}$`)
export const METADATA: RegExp = new RegExp(`^metadata/app_backup_${TYPE}${REST}\\.json$`)
/** Of a deletion under way: the metadata under another name. */
const MARK = new RegExp(`^metadata/app_backup_manual${REST}\\.json\\.deleting-manual$`)
export const KEPT: RegExp =
  /^pre_restore\/app_backup_pre_restore_\d{8}_\d{6}(_\d+)?\.db\.damaged(-wal|-journal)?$/
const OTHERS: readonly RegExp[] = [
  /^(manual|daily|pre_restore|metadata)$/,
  /^blocks(\/[0-9a-f]{2}(\/[0-9a-f]{64}\.pack)?)?$/,
]
/** What only a backup directory has. */
export const OF_DIRECTORY: readonly RegExp[] = [
  /^\.chame-backup\.lock$/,
  /^blocks\/(\.readers\.lock|cache|cache\/app\.fingerprints)$/,
  /^targets(\/far(\/metadata\.jsonl(\.[0-9a-f]{12})?)?)?$/,
  KEPT,
  MARK,
]

/** Nothing but what belongs there, private; what was stored before is as it was; whatever is stored is whole. */
export function examineStored({ directory, earlier, notes, others, keyPath }: StoredLook): Stored {
  const published = publishedIn(directory, notes)
  const images: Record<string, number> = {}
  const violations = strangersIn(directory, others)
  for (const [name, entry] of Object.entries(earlier)) {
    if (published[name] !== entry) violations.push(`${name}, which was there before, has changed or is gone`)
  }
  for (const name of Object.keys(published)) {
    if (METADATA.test(name)) violations.push(...problemsOfMetadata(directory, name))
    if (!IMAGE.test(name)) continue
    try {
      images[name] = commitIn(join(directory, name), keyPath)
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

function problemsOfMetadata(directory: string, name: string): string[] {
  try {
    const metadata = JSON.parse(readFileSync(join(directory, name), 'utf8')) as Record<string, unknown>
    const type = join(directory, String(metadata['backup_type']))
    const image = join(type, basename(name, '.json'))
    // A conversion describes the new file before it has its name, and says which file it is made of.
    const from = metadata['converted_from']
    if (typeof from === 'string' && !existsSync(image) && existsSync(join(type, from))) return []
    const bytes = readFileSync(image)
    const checksum = createHash('sha256').update(bytes).digest('hex')
    const isRight = metadata['file_size'] === bytes.length && metadata['checksum'] === checksum
    return problemsUnless(isRight, `${name} describes another image`)
  } catch (error) {
    return [`${name} cannot be read, or has no image: ${firstLine(error)}`]
  }
}

/**
 * Every stored file outside of staging directories, by path below the directory.
 *
 * @param notes keys of metadata that do not count
 */
export function publishedIn(directory: string, notes: readonly string[]): Record<string, string> {
  const tree = Object.entries(treeOf(directory))
  return Object.fromEntries(
    tree
      .filter(([name]) => IMAGE.test(name) || METADATA.test(name) || KEPT.test(name))
      .map(([name, entry]) => {
        const isNoted = notes.length > 0 && METADATA.test(name)
        return [name, isNoted ? withoutNotes(join(directory, name), notes, entry) : entry]
      }),
  )
}

/** The mode, and all else that the metadata says; the whole entry of what cannot be read. */
function withoutNotes(path: string, notes: readonly string[], entry: string): string {
  try {
    const metadata = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    const rest = Object.entries(metadata).filter(([key]) => !notes.includes(key))
    return `${entry.split(' ')[0]} ${JSON.stringify(rest)}`
  } catch {
    return entry
  }
}

/** The marks of deletions that were begun and not finished; names of files. */
export function marksIn(directory: string): string[] {
  return filesBelow(directory)
    .filter(name => MARK.test(name))
    .map(name => basename(name))
}

function strangersIn(directory: string, others: readonly RegExp[]): string[] {
  return filesBelow(directory).flatMap(name => {
    // In a directory that is ours alone anything may lie, with any mode.
    if (
      dirname(name)
        .split('/')
        .some(part => STAGING.test(part))
    )
      return []
    const isKnown =
      STAGING.test(basename(name)) ||
      [IMAGE, METADATA, ...OTHERS, ...others].some(pattern => pattern.test(name))
    const mode = lstatSync(join(directory, name)).mode & 0o777
    const isPrivate = (mode & 0o077) === 0
    return [
      ...problemsUnless(isKnown, `${name} does not belong there`),
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
