/** A gateway that is killed in the middle of what it does, and comes back: as tests of one that is given. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'
import { isFull, select } from '../faults/extent.ts'
import { makeBackups, openPlace, type Place as Machine } from '../off-site/place.ts'
import { buildDatabase } from '../support/databases.ts'
import { succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'
import { type BadLine, isBegin, isComplete, onBadLine } from './bad-line.ts'
import { sha256 } from './contents.ts'
import { keysOf, listed, open, read } from './contract.ts'
import type { Fault, FaultProxy } from './fault-proxy.ts'
import type { S3Around, S3Place } from './s3-place.ts'

/** Of the backup's image. */
const PARTS = [1, 2, 3, 4]
const LARGE_BYTES = 17_500_000

const isPartOf =
  (number: number): Fault['when'] =>
  ({ method, url }) =>
    method === 'PUT' && url.includes(`partNumber=${number}&`)

/** Kills the gateway, so many milliseconds from now, and starts it again; resolves once it is up. */
type Strike = (afterMs?: number) => Promise<void>

interface Point {
  readonly name: string
  readonly fault: (strike: Strike) => Fault
  /** Whether the object may be there when it comes back. */
  readonly mayBeWhole?: boolean
}

const BEGINNING: readonly Point[] = [
  { name: 'before an upload begins', fault: strike => ({ when: isBegin, before: () => strike() }) },
  {
    name: 'with an upload begun, and nobody told',
    fault: strike => ({ when: isBegin, after: () => strike(), loseAnswer: true }),
  },
]
const SENDING: readonly Point[] = PARTS.flatMap(number => [
  {
    name: `in the middle of part ${number}`,
    fault: (strike: Strike) => ({ when: isPartOf(number), midway: () => strike() }),
  },
  {
    name: `with part ${number} stored, and nobody told`,
    fault: (strike: Strike) => ({ when: isPartOf(number), after: () => strike(), loseAnswer: true }),
  },
])
const ENDING: readonly Point[] = [
  { name: 'before the parts are joined', fault: strike => ({ when: isComplete, before: () => strike() }) },
  {
    name: 'with the parts joined, and nobody told',
    fault: strike => ({ when: isComplete, after: () => strike(), loseAnswer: true }),
    mayBeWhole: true,
  },
]
/** It takes some ten milliseconds to join them. */
const JOINING: readonly Point[] = Array.from({ length: 20 }, (_, ms) => ({
  name: `${ms} ms after it was told to join the parts`,
  fault: (strike: Strike) => ({ when: isComplete, before: () => void strike(ms) }),
  mayBeWhole: true,
}))

const POINTS = isFull
  ? [...BEGINNING, ...SENDING, ...ENDING, ...JOINING]
  : [...BEGINNING.slice(1), ...select(SENDING, 3), ...ENDING.slice(1), ...select(JOINING.slice(4), 3)]

export function s3Killed({ needs, place, uploadsOf, server }: S3Around): void {
  testWith(
    needs,
    's3: a gateway that is killed at any point of an upload, and comes back, has the backup whole in the end, and nothing else',
    async () => {
      const machine = openPlace([], { timeZone: 'UTC' }, null)
      buildDatabase(
        machine.databasePath,
        `CREATE TABLE ballast (content BLOB); INSERT INTO ballast VALUES (randomblob(${LARGE_BYTES}))`,
      )
      const [name = ''] = await makeBackups(machine, 1)
      const stored = readFileSync(machine.path('backups', 'manual', name))
      const places: S3Place[] = []
      Object.assign(process.env, server().environment)
      for (const point of POINTS) {
        await onBadLine(
          () => place(),
          async scene => {
            places.push(scene.direct)
            await syncStruck(machine, scene, point)
            await expectThere(scene.direct, { name, stored, at: point.name })
            expect(await uploadsOf(scene.direct), point.name).toBe(0)
          },
        )
      }
      // Ceph takes away later what it believes that nobody needs any more.
      server().admin('gc', 'process', '--include-all')
      for (const [index, there] of places.entries())
        await expectThere(there, { name, stored, at: `${POINTS[index]?.name}, later` })
    },
    600_000,
  )

  /** Copies the backup, with the gateway killed at a point. */
  async function syncStruck(
    machine: Machine,
    { proxy, through, direct }: BadLine,
    point: Point,
  ): Promise<void> {
    const strikes: Promise<void>[] = []
    let stored: string[] = []
    const strike = (afterMs = 0): Promise<void> => {
      stored = partsStored(proxy)
      const struck = (async () => {
        if (afterMs > 0) await sleep(afterMs)
        await server().stop()
        await server().start()
        await expectNothingHalf(direct, point)
      })()
      struck.catch(() => {}) // Awaited below.
      strikes.push(struck)
      return struck
    }
    proxy.faults = [point.fault(strike)]
    machine.configure({ targets: { s3: through.config }, timeZone: 'UTC' })
    const synced = succeeded(await machine.database().syncTargets())
    expect(synced.targets, point.name).toMatchObject([{ failure: null, failed: [], status: 'synced' }])
    await Promise.all(strikes)
    expect(strikes, point.name).toHaveLength(1)
    // What the gateway had said that it has is not sent again, unless it cannot be told whether it has been used.
    if (point.mayBeWhole !== true) expect(sentTwice(proxy, stored), point.name).toEqual([])
  }
}

const partOf = (url: string): string | undefined => /partNumber=\d+/.exec(url)?.[0]

function partsStored({ seen }: FaultProxy): string[] {
  return seen.filter(({ status }) => status === 200).flatMap(({ url }) => partOf(url) ?? [])
}

function sentTwice({ seen }: FaultProxy, parts: readonly string[]): string[] {
  return parts.filter(part => seen.filter(({ url }) => partOf(url) === part).length > 1)
}

async function expectNothingHalf(place: S3Place, { name, mayBeWhole = false }: Point): Promise<void> {
  await using target = await open(place)
  const images = await listed(target, 'manual/')
  expect(images.length, name).toBeLessThanOrEqual(mayBeWhole ? 1 : 0)
  for (const { sizeBytes } of images) expect(sizeBytes, name).toBeGreaterThan(LARGE_BYTES)
  expect(
    await keysOf(target, 'metadata/').then(keys => keys.filter(key => key.endsWith('.db.json'))),
  ).toEqual([])
}

async function expectThere(
  place: S3Place,
  { name, stored, at }: { name: string; stored: Buffer; at: string },
): Promise<void> {
  await using target = await open(place)
  expect(await keysOf(target), at).toEqual([
    expect.stringMatching(/^audit-anchors\//),
    `manual/${name}`,
    `metadata/${name}.json`,
  ])
  expect(sha256(await read(target, `manual/${name}`)), at).toBe(sha256(stored))
}
