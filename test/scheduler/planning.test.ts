/** How often a scheduler with a long round before it stops to look at all backups, and to plan anew. */
import { expect, test } from 'vitest'
import type { JobRunner } from '../../src/daemon/ports.ts'
import { DAILY_ONLY, openVirtualScene } from './virtual.ts'

/** Of so many the state is written as a whole only with each plan, which shows when that was. */
const DATABASES = 150
const RUN_MS = 1_000

/** Seconds between the plans of a round, where looking at each database takes `lookMs`. */
async function secondsBetweenPlans(lookMs: number): Promise<number[]> {
  const names = Array.from({ length: DATABASES }, (_, number) => `d${number}`)
  const scene = openVirtualScene('2026-11-21T01:00:00Z', {
    databases: Object.fromEntries(names.map(name => [name, { path: 'data/chame.db' }])),
    schedule: { digest: false, jobs: DAILY_ONLY },
  })
  scene.clock.lookMs = lookMs
  const planned = new Set<number>()
  let runs = 0
  const run: JobRunner = async ({ signal }) => {
    runs += 1
    planned.add(Date.parse(scene.state().updatedAt))
    await scene.clock.work(RUN_MS, signal)
    return { success: true, summary: 'made' }
  }
  await scene.runUntil('2026-11-21T02:30:00Z', { backup: run })
  expect(runs).toBe(DATABASES)
  // What was planned before the round began is of no interest.
  const [, ...during] = planned
  return during.slice(1).map((at, index) => (at - (during[index] as number)) / 1000)
}

test.each([
  ['ten seconds where that is quick', 0, 10],
  ['longer where it takes long, by fifty times what it took', 4, 30],
  ['a minute where it takes very long, and no later', 20, 60],
])('a long round is planned anew after %s', async (_, lookMs, seconds) => {
  const between = await secondsBetweenPlans(lookMs)
  expect(between.length).toBeGreaterThan(1)
  for (const each of between) {
    expect(each).toBeGreaterThanOrEqual(seconds)
    // The last run goes on to its end, and planning takes a while itself.
    expect(each).toBeLessThan(seconds + 6)
  }
})
