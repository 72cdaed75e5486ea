/** What is said of a backup in sentences: no more than is known. */
import type { BackupInfo, JobResults } from '../../api/types.ts'
import { formatInstant } from '../../words/times.ts'

/** What a check has proven that found nothing wrong. */
export function intactInWords({
  backup,
  lookedAt,
  check,
  checksumCompared,
}: Pick<JobResults['verify'], 'backup' | 'lookedAt' | 'check' | 'checksumCompared'>): {
  readonly title: string
  readonly what: string
} {
  if (lookedAt === 'image') {
    const first = checksumCompared ? 'The checksum is the recorded one, and ' : ''
    return { title: 'Intact.', what: `${first}SQLite’s ${check} check found nothing wrong.` }
  }
  const isEncrypted = backup.encoding === 'zstd+age' || backup.metadata?.encrypted === true
  const first = checksumCompared
    ? 'The checksum is the recorded one.'
    : 'There is no recorded checksum to compare with.'
  return {
    title: checksumCompared ? 'What is stored is intact.' : 'What is stored can be read.',
    what: `${first} ${isEncrypted ? 'It is encrypted: nobody looked inside without a key.' : 'The database in it was not checked.'}`,
  }
}

/** Which targets have a copy, as was last noted; null for a backup at a target, where nothing of others is noted. */
export function copiesInWords({
  target,
  copies,
  metadata,
}: Pick<BackupInfo, 'target' | 'copies' | 'metadata'>): string | null {
  if (target !== null) return null
  const damaged = Object.entries(metadata?.copies ?? {}).flatMap(([name, copy]) =>
    copy?.damaged_at === undefined ? [] : [`${name}, found damaged ${formatInstant(copy.damaged_at)}`],
  )
  const whole = copies.map(name => {
    const seen = metadata?.copies?.[name]
    if (seen === undefined || seen === null) return name
    return seen.verified_at === undefined
      ? `${name}, seen there ${formatInstant(seen.at)}`
      : `${name}, found intact ${formatInstant(seen.verified_at)}`
  })
  return [...whole, ...damaged].join('; ') || 'None is known of'
}
