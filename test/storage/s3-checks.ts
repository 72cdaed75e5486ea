/** What a check of a real bucket sees, as tests of a server that is given. */
import { expect, vi } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { error, isBucketHead, isPut, onBadLine } from './bad-line.ts'
import { checked } from './checked.ts'
import { keysOf, open } from './contract.ts'
import type { S3Around } from './s3-place.ts'

const HOUR_MS = 3_600_000

export function s3Checks({ needs, place, uploadsOf }: S3Around): void {
  testWith(
    needs,
    's3: a check of a plain bucket sees that one of several wins, and leaves nothing there',
    async () => {
      const here = await place()
      const { check, seen } = await checked(here)
      expect(check).toMatchObject({ status: 'usable', left: [], warnings: [] })
      expect(seen).toMatchObject({
        paging: 'yes',
        multipart: 'yes',
        checksum: 'yes',
        clock: 'yes',
        race: 'yes',
        'object-lock': 'skipped',
        'free-space': 'no',
        delete: 'yes',
      })
      expect(await keysOf(await open(here))).toEqual([])
      expect(await uploadsOf(here)).toBe(0)
    },
  )

  testWith(
    needs,
    's3: a check of a bucket with object lock sees the lock, and that races are lost there',
    async () => {
      const here = await place({ objectLock: { mode: 'GOVERNANCE', days: 1 } }, { isLocking: true })
      const { check, seen } = await checked(here)
      expect(seen).toMatchObject({ 'object-lock': 'yes', race: 'no' })
      expect(check.status).toBe('usable')
      expect(check.warnings.join()).toContain('let one machine write there')
    },
  )

  testWith(needs, 's3: a check of a bucket without object lock sees that it is not there', async () => {
    const { check, seen } = await checked(await place({ objectLock: { mode: 'GOVERNANCE', days: 1 } }))
    expect(seen['object-lock']).toBe('failed')
    expect(check.status).toBe('failed')
  })

  testWith(needs, 's3: a check of a bucket with versions sees that races are lost there', async () => {
    const { check, seen } = await checked(await place({}, { isVersioned: true }))
    expect(seen).toMatchObject({ 'put-if-absent': 'yes', race: 'no', delete: 'yes' })
    expect(check).toMatchObject({ status: 'usable', left: [] })
    expect(check.probes.find(({ probe }) => probe === 'race')?.detail).toMatch(
      /^of 8 at once [2-8] were told/,
    )
  })

  testWith(needs, 's3: a check sees that a clock is off by an hour, whosever it is', async () => {
    await onBadLine(place, async ({ proxy, through, direct }) => {
      proxy.faults = [{ when: isBucketHead, times: Number.POSITIVE_INFINITY, dateOffMs: HOUR_MS }]
      const { check, seen } = await checked(through)
      expect(seen).toMatchObject({ put: 'yes', get: 'yes', clock: 'failed', delete: 'yes' })
      expect(check.status).toBe('failed')
      expect(check.probes.find(({ probe }) => probe === 'clock')?.detail).toMatch(
        /differ by (3599|36\d\d) s: set them$/,
      )
      expect(await keysOf(await open(direct))).toEqual([])
    })
    // This machine's: then the server takes nothing at all.
    const here = await place()
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + HOUR_MS })
    try {
      const { check, seen } = await checked(here)
      expect(seen).toMatchObject({ put: 'failed' })
      expect(check.status).toBe('failed')
      expect(check.probes[0]).toMatchObject({
        code: 'TARGET_REFUSED',
        detail: expect.stringContaining(
          "this machine's clock and the server's differ by 60 minutes: it is ahead here",
        ),
      })
    } finally {
      vi.useRealTimers()
    }
  })

  testWith(
    needs,
    's3: a check of a server that asks racers to wait, as Amazon does, sees one win',
    async () => {
      await onBadLine(place, async ({ proxy, through }) => {
        const atWork = { status: 409, body: error('ConditionalRequestConflict') }
        const isRacing = ({ method, url }: { method: string; url: string }): boolean =>
          isPut({ method, url }) && url.includes('race-')
        proxy.faults = [{ when: isRacing, times: 12, answer: atWork }]
        const { seen } = await checked(through)
        expect(seen['race']).toBe('yes')
        expect(proxy.faults).toEqual([])
      })
    },
  )
}
