/** The soak's oracle: it knows which states a database may be in, and notices one that it cannot be in. */
import { expect, test } from 'vitest'
import { Timeline } from './soak-timeline.ts'

function afterTwoCommits(): Timeline {
  const timeline = new Timeline()
  timeline.found(0, 1, 10)
  timeline.committing(10, 2, 11, 1)
  timeline.committed(20, 2)
  timeline.committing(30, 3, 12, 2)
  timeline.committed(40, 3)
  return timeline
}

function possible(timeline: Timeline, from: number, to: number): number[] {
  return [...timeline.possibleWithin(from, to).keys()].toSorted((a, b) => a - b)
}

test('a commit that was acknowledged before is the only state that a backup can hold', () => {
  expect(possible(afterTwoCommits(), 25, 25)).toEqual([2])
  expect(possible(afterTwoCommits(), 50, 60)).toEqual([3])
})

test('while a commit is made, both the state before and the state after are possible', () => {
  expect(possible(afterTwoCommits(), 15, 15)).toEqual([1, 2])
  expect(possible(afterTwoCommits(), 5, 35)).toEqual([1, 2, 3])
})

test('a commit that is lost is noticed at the next one', () => {
  const timeline = afterTwoCommits()
  timeline.committing(50, 4, 12, 2)
  expect(timeline.problems).toHaveLength(1)
})

test('a restore brings an earlier state back, and nothing else can be there once it has succeeded', () => {
  const timeline = afterTwoCommits()
  timeline.restoring(50, 'a', 2)
  expect(possible(timeline, 55, 55)).toEqual([2, 3])
  timeline.restored(60, 'a', true)
  expect(possible(timeline, 65, 65)).toEqual([2])
  timeline.committing(70, 4, 12, 3)
  expect(timeline.problems).toHaveLength(1)
})

test('a commit during a restore may have come before it or after it', () => {
  const timeline = afterTwoCommits()
  timeline.restoring(50, 'a', 2)
  timeline.committing(52, 4, 13, 3)
  timeline.committed(54, 4)
  timeline.restored(60, 'a', true)
  expect(possible(timeline, 65, 65)).toEqual([2, 4])
})

test('after a restore that failed, the old state and the new one are possible, until the next commit', () => {
  const timeline = afterTwoCommits()
  timeline.restoring(50, 'a', 1)
  timeline.restored(60, 'a', false)
  expect(possible(timeline, 65, 65)).toEqual([1, 3])
  timeline.committing(70, 4, 13, 3)
  timeline.committed(80, 4)
  expect(possible(timeline, 85, 85)).toEqual([4])
  expect(timeline.problems).toEqual([])
})

test('a writer that was killed has made its commit or not, and its successor says which', () => {
  const timeline = afterTwoCommits()
  timeline.committing(50, 4, 13, 3)
  expect(possible(timeline, 60, 60)).toEqual([3, 4])
  timeline.found(70, 3, 12)
  expect(possible(timeline, 75, 75)).toEqual([3])
  timeline.found(80, 4, 13)
  expect(timeline.problems).toHaveLength(1)
})
