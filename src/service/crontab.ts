import { DEFAULT_RUNS, markOf, type ServicePlan } from './plan.ts'
import { cronWord } from './quote.ts'

/**
 * Lines for the crontab of the plan's user. A crontab has no time zones: they are the system's. Throws
 * `INVALID_ARGUMENT` for paths that no crontab can hold.
 */
export function crontabLines(plan: ServicePlan): string {
  const variables = Object.entries(plan.environment).map(([name, value]) => `${name}=${cronWord(value)}`)
  const words = [plan.program, plan.script, ...plan.options].map(cronWord)
  const lines = DEFAULT_RUNS.map(({ job, cron }) => {
    const command = [...variables, ...words, '--run-once', job].join(' ')
    return `${cron} cd ${cronWord(plan.workingDirectory)} && ${command}`
  })
  return [markOf(plan), ...lines].map(line => `${line}\n`).join('')
}
