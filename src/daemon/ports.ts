/** What a scheduler needs from outside itself. This is where the kinds of jobs are joined to the operations. */
import { hostname } from 'node:os'
import type { Database } from '../database.ts'
import type { Failure } from '../errors.ts'
import type { NotifyEvent } from '../notify/event.ts'
import type { JobKind, ScheduledJob } from '../schedule/jobs.ts'
import { type Clock, systemClock } from './clock.ts'
import { runBackup } from './run-backup.ts'
import { runCleanup } from './run-cleanup.ts'
import { runDrill } from './run-drill.ts'
import { runSync } from './run-sync.ts'
import { runVerify } from './run-verify.ts'

/** One run of a job on one database. */
export interface RunOrder {
  readonly database: Database
  readonly job: ScheduledJob
  /** The time of the schedule that it is for. */
  readonly dueAt: Date
  /** File name of the backup that an earlier attempt of this run has made; null when there is none. */
  readonly made: string | null
  readonly signal: AbortSignal
  readonly now: () => Date
  /** May be called once the run needs the catalog no more: the next one may begin then. */
  readonly letGo: () => void
}

/** What a run did, in words for the log and `--status`. */
export interface RunDone {
  readonly success: true
  readonly summary: string
}

/** Never rejects. Bad news, such as a damaged backup, is a failure: somebody has to see it. */
export type JobRunner = (order: RunOrder) => Promise<RunDone | Failure>

/** How the kinds of jobs are run. */
export type JobRunners = Readonly<Record<JobKind, JobRunner>>

/** The ports of something that runs: whom to tell is decided. */
export type RunningPorts = Ports & { readonly notify: (event: NotifyEvent) => Promise<void> }

export interface Ports {
  readonly clock: Clock
  /** From 0 to below 1. */
  readonly random: () => number
  readonly runners: JobRunners
  /**
   * Tells those who asked to be told; null: by the configuration's channels. Never rejects; nobody waits for it longer
   * than for a farewell.
   */
  readonly notify: ((event: NotifyEvent) => Promise<void>) | null
  readonly holder: { readonly pid: number; readonly host: string }
  /** How often it is looked whether the configuration file has changed; null: never, in a time that is not real. */
  readonly configLookMs: number | null
  /** Whether state survives a power cut; false in tests only. */
  readonly isDurable: boolean
}

/** Two looks until a change is taken up: soon after somebody saved it, and a file status now and then costs nothing. */
const CONFIG_LOOK_MS = 5000

export function productPorts(): Ports {
  return {
    clock: systemClock,
    random: Math.random,
    runners: { backup: runBackup, sync: runSync, verify: runVerify, drill: runDrill, cleanup: runCleanup },
    notify: null,
    holder: { pid: process.pid, host: hostname() },
    configLookMs: CONFIG_LOOK_MS,
    isDurable: true,
  }
}
