/** The oracle's look at what a scheduler has written down: its state file, by what docs/formats.md says of it. */
import { lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Scene } from '../restore/scene.ts'
import { firstLine, problemsUnless, type Stored } from './oracle-stored.ts'

const HALF_WRITTEN = /^\.scheduler-state-[0-9a-f]{12}$/
/** What a scheduler has in the backup directory, beside the backups. */
export const OF_SCHEDULER: readonly RegExp[] = [
  /^scheduler-state\.json$/,
  /^\.chame-backup-scheduler\.lock$/,
  HALF_WRITTEN,
]

interface State {
  readonly schema: number
  readonly scheduler: { readonly stoppedAt: string | null }
  readonly jobs: readonly {
    readonly job: string
    readonly running: object | null
    readonly lastRun: { readonly outcome: string; readonly summary: string | null } | null
  }[]
}

interface Facts {
  readonly stored: Stored
  /** The images that the run has made. */
  readonly made: readonly string[]
  readonly isDone: boolean
}

/** The file is the old one or the new one, and what it says of the last run is so. */
export function problemsOfState({ backupDir }: Scene, { stored, made, isDone }: Facts): string[] {
  const path = join(backupDir, 'scheduler-state.json')
  try {
    const { schema, scheduler, jobs } = JSON.parse(readFileSync(path, 'utf8')) as State
    const job = jobs.find(each => each.job === 'daily')
    const { running = null, lastRun = null } = job ?? {}
    const backup = lastRun?.outcome === 'succeeded' ? nameIn(lastRun.summary) : null
    const isKnown = (image: string): boolean => stored.isDescribed(image) && image in stored.images
    const isUntold = running === null && made.length > 0 && backup !== null && !made.includes(backup)
    const halfWritten = readdirSync(backupDir).filter(name => HALF_WRITTEN.test(name))
    return [
      ...problemsUnless(schema === 1 && job !== undefined, 'the state file says nothing of the job'),
      ...problemsUnless((lstatSync(path).mode & 0o777) === 0o600, 'the state file is not private'),
      ...problemsUnless(backup === null || isKnown(backup), `the state tells of ${backup}, which is none`),
      ...problemsUnless(!isUntold, 'the state knows nothing of the run that made a backup'),
      ...(isDone
        ? [
            ...problemsUnless(backup !== null && made.includes(backup), 'success is not in the state file'),
            ...problemsUnless(running === null, 'success was printed, and the state says that it runs'),
            ...problemsUnless(scheduler.stoppedAt !== null, 'the state says that the scheduler still runs'),
            ...halfWritten.map(name => `success was printed, and ${name} is left`),
          ]
        : []),
    ]
  } catch (error) {
    return [`the state file cannot be read: ${firstLine(error)}`]
  }
}

/** "<filename>, <size>" → its path below the backup directory. */
function nameIn(summary: string | null): string {
  return `daily/${summary?.split(',')[0]}`
}
