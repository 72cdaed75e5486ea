/**
 * Transfers over real lines to real servers under a limit, in a time that only passes while somebody waits for the limit:
 * no machine is too slow for it, and what is sent without waiting shows.
 */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import type { TargetConfig } from '../../src/config/targets.ts'
import type { Pace } from '../../src/storage/bandwidth.ts'
import type { Target } from '../../src/storage/target.ts'
import { type Requirement, testWith } from '../support/requirements.ts'
import { contentOf, sha256, streamOf } from './contents.ts'
import { IMPATIENT, open, type Opening, SIGNAL } from './contract.ts'
import { startMeter } from './servers/meter.ts'

export interface LimitedKind {
  readonly name: string
  readonly needs: readonly Requirement[]
  /** The port of its server. */
  readonly port: () => number
  /** A new, empty place that is reached by another port. */
  readonly place: (port: number) => Promise<Opening>
  /** What its protocol adds to each packet, as a share of what goes. Default: 3 % */
  readonly addedShare?: number
  /** Whether the sizes of the first two are told before their bytes come. Default: yes */
  readonly tellsSizes?: boolean
}

const OPTIONS = { signal: SIGNAL }
const BYTES_PER_SECOND = 1_000_000
/** The first in parts, where there are parts. */
const SIZES = [6_000_000, 2_000_000, 2_000_000]
const SIZE = 10_000_000
/** What may go at once after a pause. */
const BURST = BYTES_PER_SECOND / 4
/** What protocols add once: greetings, and requests without content. */
const ADDED_BYTES = 100_000

/** A clock that goes on by what is slept, at once. */
function waitingTime(): Pace & { readonly seconds: () => number } {
  let ms = 0
  return {
    now: () => ms,
    seconds: () => ms / 1000,
    async sleep(forMs) {
      ms += forMs
    },
  }
}

/** Notes by how much a count of bytes was ever beyond what may have gone by then. */
class Budget {
  readonly #seconds: () => number
  beyond = 0

  constructor(seconds: () => number) {
    this.#seconds = seconds
  }

  note(bytes: number): void {
    this.beyond = Math.max(this.beyond, bytes - this.#seconds() * BYTES_PER_SECOND)
  }
}

async function drain(target: Target, key: string, onBytes: (bytes: number) => void): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of target.get(key, OPTIONS)) {
    onBytes(chunk.length)
    chunks.push(Buffer.from(chunk))
  }
  return sha256(Buffer.concat(chunks))
}

export function limitedTransfers(kind: LimitedKind): void {
  const { name, needs, port, place, addedShare = 0.03, tellsSizes = true } = kind
  testWith(
    needs,
    `${name}: no more bytes go to the server, or come from it, than the limit lets, with several transfers at once`,
    async () => {
      await using meter = await startMeter(port())
      const { config, environment } = await place(meter.port)
      const time = waitingTime()
      const limited: TargetConfig = { ...config, bandwidth: `${BYTES_PER_SECOND}B` }
      const ports = { ...IMPATIENT, pace: time }
      await using target = await open({ config: limited, ...(environment && { environment }) }, {}, ports)
      const all = SIZES.map((size, index) => ({ key: `object-${index}`, bytes: randomBytes(size) }))

      const sent = new Budget(time.seconds)
      meter.onSent = bytes => sent.note(bytes * (1 - addedShare) - ADDED_BYTES)
      await Promise.all(
        all.map(({ key, bytes }, index) =>
          target.put(key, tellsSizes && index < 2 ? contentOf(bytes) : streamOf(bytes), OPTIONS),
        ),
      )
      expect(sent.beyond).toBeLessThanOrEqual(BURST)
      expectUsed(time.seconds(), SIZE)

      const before = time.seconds()
      const got = new Budget(() => time.seconds() - before)
      let bytesGot = 0
      const count = (bytes: number): void => got.note((bytesGot += bytes))
      const hashes = await Promise.all(all.map(({ key }) => drain(target, key, count)))
      expect(hashes).toEqual(all.map(({ bytes }) => sha256(bytes)))
      expect(bytesGot).toBe(SIZE)
      expect(got.beyond).toBeLessThanOrEqual(BURST)
      expectUsed(time.seconds() - before, SIZE)
    },
  )
}

/** It waited for the limit and not for longer: neither is anything free, nor is anything paid for twice. */
function expectUsed(seconds: number, bytes: number): void {
  expect(seconds * BYTES_PER_SECOND).toBeGreaterThanOrEqual(bytes - BURST - 1)
  expect(seconds * BYTES_PER_SECOND).toBeLessThanOrEqual(bytes + 1)
}
