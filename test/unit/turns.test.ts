import { expect, test } from 'vitest'
import { Turns } from '../../src/encoding/turns.ts'

test('so many at a time have their turn, in the order in which they came, also where one fails', async () => {
  const turns = new Turns(2)
  const begun: number[] = []
  const work = [0, 1, 2, 3].map(() => Promise.withResolvers<number>())
  const taken = work.map(({ promise }, number) =>
    turns.take(() => {
      begun.push(number)
      return promise
    }),
  )
  const failed = expect(taken[0]).rejects.toThrow('first')
  expect(begun).toEqual([0, 1])
  work[0]?.reject(new Error('first'))
  await failed
  expect(begun).toEqual([0, 1, 2])
  work[2]?.resolve(2)
  expect(await taken[2]).toBe(2)
  expect(begun).toEqual([0, 1, 2, 3])
  work[1]?.resolve(1)
  work[3]?.resolve(3)
  expect(await Promise.all(taken.slice(1))).toEqual([1, 2, 3])
  // Nobody waits any more: both turns are free again.
  expect(await Promise.all([turns.take(async () => 'a'), turns.take(async () => 'b')])).toEqual(['a', 'b'])
})
