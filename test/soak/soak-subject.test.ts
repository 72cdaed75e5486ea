/** The soak's oracle, which reads a writer's log and is told of restores, in the order in which all of it happened. */
import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../support/temporary.ts'
import { Subject } from './soak-subject.ts'

function logged(...lines: readonly string[]): { readonly log: string; readonly subject: Subject } {
  const log = join(temporaryDirectory(), 'log')
  appendFileSync(log, lines.map(line => `${line}\n`).join(''))
  return { log, subject: new Subject(log) }
}

test('what a writer does on top of a restore that we are told of later is not judged before', () => {
  const { subject } = logged('u 10 1 5', 'b 40 3 6 2', 'a 50 3')
  expect(subject.catchUp(20)).toEqual([])
  subject.add({ kind: 'restoring', time: 30, key: 'one', id: 2 })
  expect(subject.catchUp(60)).toEqual([])
  expect([...subject.timeline.possibleWithin(60, 60).keys()]).toContain(3)
})

test('a writer that goes on from a state that nobody has restored is noticed, once', () => {
  const { log, subject } = logged('u 10 1 5', 'b 40 3 6 2')
  expect(subject.catchUp(60)).toEqual([
    expect.stringContaining(`${log}: At 40: The writer goes on from state 2`),
  ])
  expect(subject.catchUp(70)).toEqual([])
})

test('the next writer’s log is read from its beginning, after all of the last one’s', () => {
  const { log, subject } = logged('u 10 1 5', 'b 20 2 6 1', 'a 30 2')
  appendFileSync(`${log}-next`, 'u 50 2 6\n')
  expect(subject.continueWith(`${log}-next`, 40)).toEqual([])
  expect(subject.catchUp(60)).toEqual([])
  expect([...subject.timeline.possibleWithin(60, 60).keys()]).toEqual([2])
})
