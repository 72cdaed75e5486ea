/** Whose hours a schedule means. */
import { expect, test } from 'vitest'
import { readPlan } from '../../src/daemon/schedule-plan.ts'
import type { SchedulerOptions } from '../../src/index.ts'
import { openVirtualScene } from './virtual.ts'

/** The time zones of a plan, and of its jobs. */
async function zonesOf(options: SchedulerOptions): Promise<object> {
  const { timeZone, directories } = await readPlan(options)
  const tasks = [...directories.values()].flat()
  return { plan: timeZone, ...Object.fromEntries(tasks.map(({ job, rule }) => [job.name, rule.timeZone])) }
}

test('a job’s own time zone counts, then what the caller says, then the configuration', async () => {
  const { configFile: config } = openVirtualScene('2026-11-20T12:00:00Z', {
    timeZone: 'Europe/Berlin',
    schedule: { jobs: { weekly: { timeZone: 'Asia/Tokyo' }, cleanup: false, drill: false } },
  })
  expect(await zonesOf({ config })).toEqual({
    plan: 'Europe/Berlin',
    daily: 'Europe/Berlin',
    weekly: 'Asia/Tokyo',
  })
  expect(await zonesOf({ config, timeZone: 'America/New_York' })).toEqual({
    plan: 'America/New_York',
    daily: 'America/New_York',
    weekly: 'Asia/Tokyo',
  })
})

test('the time zone of the environment counts for jobs and digest where nothing else says one', async () => {
  const { configFile: config } = openVirtualScene('2026-11-20T12:00:00Z', {
    timeZone: undefined,
    schedule: { jobs: { weekly: false, cleanup: false, drill: false } },
  })
  process.env['CHAME_BACKUP_TIME_ZONE'] = 'Asia/Tokyo'
  try {
    expect(await zonesOf({ config })).toEqual({ plan: 'Asia/Tokyo', daily: 'Asia/Tokyo' })
  } finally {
    delete process.env['CHAME_BACKUP_TIME_ZONE']
  }
})
