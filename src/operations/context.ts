import type { Settings } from '../config/settings.ts'
import type { SqliteProcess } from '../sqlite/sqlite-process.ts'
import type { Durability } from '../storage/durable.ts'
import type { Target } from '../storage/target.ts'
import type { Progress, Step } from './reports.ts'

/** What every operation is given beside its request. Time comes from here, so that tests can set it. */
export interface Context {
  readonly settings: Settings
  readonly sqlite: SqliteProcess
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
  readonly now: () => Date
  /** Opens a target of the configuration, by its name there; whoever opens it closes it. */
  readonly openTarget: (name: string) => Promise<Target>
}

/** What looking at targets takes. */
export type TargetContext = Pick<Context, 'settings' | 'signal' | 'onProgress' | 'now' | 'openTarget'>

/** For what has to be brought to its end, whatever the caller wants by now. */
export function withoutCancelling(context: Context): Context {
  return { ...context, signal: new AbortController().signal }
}

/** Says that a step begins. */
export function begin(context: Pick<Context, 'onProgress'>, step: Step): void {
  context.onProgress({ step })
}

/** A reporter of bytes within a step. */
export function bytesOf(context: Context, step: Step): (doneBytes: number, totalBytes: number) => void {
  return (doneBytes, totalBytes) => context.onProgress({ step, doneBytes, totalBytes })
}

export function durabilityOf({ settings }: Context): Durability {
  return { isDurable: !settings.disposable }
}
