import { openNotifier, type Notifier } from '../notify/notifier.ts'
import type { NotifyEvent } from '../notify/event.ts'
import type { SchedulerLog } from './log-entry.ts'
import type { SchedulePlan } from './schedule-plan.ts'

/** Tells people, by the channels of the plan that was taken last; what could not be told is in the log. */
export class Teller {
  readonly #log: SchedulerLog
  #notifier: Notifier | null = null

  constructor(plan: SchedulePlan, log: SchedulerLog) {
    this.#log = log
    this.follow(plan)
  }

  /** Goes on with the channels of another plan, which know what was told already. */
  follow({ notify, directory, timeZone }: SchedulePlan): void {
    const told = this.#notifier?.told
    this.#notifier =
      notify === undefined
        ? null
        : openNotifier(notify, { directory, timeZone, ...(told === undefined ? {} : { told }) })
  }

  /** Resolves when every channel was told, or could not be, after a minute at most. Never rejects. */
  readonly tell = async (event: NotifyEvent): Promise<void> => {
    const results = (await this.#notifier?.notify(event)) ?? []
    for (const result of results) {
      if (result.status !== 'failed') continue
      const { channel, kind, reason, message, hint } = result
      this.#log({
        level: 'error',
        event: 'not-told',
        message: `The channel ${channel} could not be told of "${event.kind}". ${message}. ${hint}`,
        fields: { channel, kind, reason },
      })
    }
  }
}
