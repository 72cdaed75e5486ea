/** What goes wrong between a bucket and us, as tests of a server that is given. */
import { randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { testWith } from '../support/requirements.ts'
import { type BadLine, error, isComplete, isGet, isPart, isPut, onBadLine } from './bad-line.ts'
import { contentOf, sha256, streamOf } from './contents.ts'
import { AT_ONCE, failureOf, keysOf, open, read, SIGNAL } from './contract.ts'
import type { S3Around } from './s3-place.ts'

const OPTIONS = { signal: SIGNAL }
const BYTES = randomBytes(12_345_678)

export function s3Faults({ needs, place, uploadsOf }: S3Around): void {
  const it = (title: string, body: (scene: BadLine) => Promise<void>): void =>
    testWith(needs, `s3 on a bad line: ${title}`, () => onBadLine(place, body))

  it('a server that is busy is asked again', async ({ proxy, through }) => {
    await using target = await open(through)
    const busy = { answer: { status: 503, body: error('SlowDown') } }
    proxy.faults = [
      { when: isPut, times: 2, ...busy },
      { when: isPart, times: 2, answer: { status: 500, body: error('InternalError') } },
      { when: ({ method }) => method === 'GET', ...busy },
    ]
    await target.put('small', contentOf(BYTES.subarray(0, 1000)), OPTIONS)
    await target.put('large', contentOf(BYTES), OPTIONS)
    expect(await keysOf(target)).toEqual(['large', 'small'])
    expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
    expect(proxy.faults).toEqual([])
  })

  it('a server that stays busy is given up after a while, in words of ours', async ({ proxy, through }) => {
    // Time for a whole answer at the least, on a machine that is busy.
    const retry = { ...AT_ONCE, patience: { ...AT_ONCE.patience, deadlineMs: 5_000 } }
    await using target = await open(through, {}, retry)
    proxy.faults = [{ when: () => true, times: 1000, answer: { status: 503, body: error('SlowDown') } }]
    const failure = await failureOf(target.put('a', contentOf(Buffer.from('x')), OPTIONS))
    expect(failure.code).toBe('TARGET_UNREACHABLE')
    expect(failure.message).toContain('SlowDown')
    expect(failure.message).not.toContain('secret words')
  })

  it('a server that takes requests and never answers is given up after a while', async ({
    proxy,
    through,
  }) => {
    await using target = await open(through, {}, AT_ONCE)
    proxy.faults = [{ when: () => true, times: 1000, hang: true }]
    const failure = await failureOf(target.put('a', contentOf(Buffer.from('x')), OPTIONS))
    expect(failure.code).toBe('TARGET_UNREACHABLE')
  })

  it('an object whose answer was lost is found, and not put twice', async ({ proxy, through }) => {
    await using target = await open(through)
    proxy.faults = [{ when: isPut, loseAnswer: true }]
    await target.put('a', contentOf(Buffer.from('once')), OPTIONS)
    expect(proxy.seen.filter(isPut)).toHaveLength(1)
    expect(String(await read(target, 'a'))).toBe('once')
  })

  it('parts whose answer was lost are sent again', async ({ proxy, through, direct }) => {
    await using target = await open(through)
    proxy.faults = [{ when: isPart, times: 3, loseAnswer: true }]
    await target.put('large', streamOf(BYTES), OPTIONS)
    expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
    expect(await uploadsOf(direct)).toBe(0)
  })

  it('an upload whose completion was answered to nobody is complete', async ({ proxy, through, direct }) => {
    await using target = await open(through)
    for (const content of [contentOf(BYTES), streamOf(BYTES)]) {
      proxy.faults = [{ when: isComplete, loseAnswer: true }]
      await target.put('large', content, OPTIONS)
      expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
    }
    expect(await uploadsOf(direct)).toBe(0)
  })

  it('an answer of 200 with an error inside is an error, and asked again', async ({
    proxy,
    through,
    direct,
  }) => {
    await using target = await open(through)
    proxy.faults = [
      { when: isComplete, answer: { status: 200, body: error('InternalError') } },
      { when: isPut, answer: { status: 200, body: error('InternalError') } },
    ]
    await target.put('large', contentOf(BYTES), OPTIONS)
    await target.put('small', contentOf(Buffer.from('x')), OPTIONS)
    expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
    expect(String(await read(target, 'small'))).toBe('x')
    expect(proxy.faults).toEqual([])
    expect(await uploadsOf(direct)).toBe(0)
  })

  it('a body that is cut is noticed, and read on from there', async ({ proxy, through }) => {
    await using target = await open(through)
    await target.put('large', contentOf(BYTES), OPTIONS)
    proxy.faults = [
      { when: isGet, cutAfter: 1_000_000 },
      { when: isGet, cutAfter: 5_000_000 },
      { when: isGet, cutAfter: 0 },
    ]
    expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
    const gets = proxy.seen.filter(isGet).length
    expect(gets).toBe(4)
    proxy.faults = [{ when: isGet, cutAfter: 1000 }]
    const part = await read(target, 'large', { from: 77, length: 1_000_000 })
    expect(part.equals(BYTES.subarray(77, 1_000_077))).toBe(true)
  })

  it('wrong bytes are damage, once they all are there', async ({ proxy, through }) => {
    await using target = await open(through)
    await target.put('large', contentOf(BYTES), OPTIONS)
    await target.put('small', streamOf(BYTES.subarray(0, 1000)), OPTIONS)
    for (const key of ['large', 'small']) {
      proxy.faults = [{ when: isGet, flip: true }]
      const failure = await failureOf(read(target, key))
      expect(failure.code).toBe('OBJECT_DAMAGED')
      expect(failure.message).toContain(key)
    }
  })

  it('an object that is replaced while it is read is not mixed with the old one', async ({
    proxy,
    through,
    direct,
  }) => {
    await using target = await open(through)
    await using other = await open(direct)
    await target.put('large', contentOf(BYTES), OPTIONS)
    proxy.faults = [{ when: isGet, cutAfter: 1_000_000 }]
    const reading = (async () => {
      let isReplaced = false
      for await (const _ of target.get('large', OPTIONS)) {
        if (isReplaced) continue
        isReplaced = true
        await other.put('large', contentOf(BYTES.subarray(1)), OPTIONS)
      }
    })()
    expect((await failureOf(reading)).code).toBe('OBJECT_DAMAGED')
  })

  it('a clock that is wrong is told as such', async ({ proxy, through }) => {
    await using target = await open(through)
    proxy.faults = [{ when: () => true, answer: { status: 403, body: error('RequestTimeTooSkewed') } }]
    const failure = await failureOf(target.put('a', contentOf(Buffer.from('x')), OPTIONS))
    expect(failure.code).toBe('TARGET_REFUSED')
    expect(failure.message).toContain('clock')
  })

  it('a request that the other side says is damaged is sent again', async ({ proxy, through }) => {
    await using target = await open(through)
    proxy.faults = [{ when: isPut, answer: { status: 400, body: error('BadDigest') } }]
    await target.put('a', contentOf(Buffer.from('x')), OPTIONS)
    expect(String(await read(target, 'a'))).toBe('x')
  })

  it('an answer that is no XML is no listing', async ({ proxy, through }) => {
    await using target = await open(through, {}, AT_ONCE)
    proxy.faults = [
      { when: () => true, times: 1000, answer: { status: 200, body: '<html>Log in to the hotel' } },
    ]
    expect((await failureOf(keysOf(target))).code).toBe('TARGET_UNREACHABLE')
  })

  it('an upload that somebody aborted is begun anew', async ({ proxy, through, direct }) => {
    await using target = await open(through)
    proxy.faults = [{ when: isComplete, answer: { status: 404, body: error('NoSuchUpload') } }]
    await target.put('large', contentOf(BYTES), OPTIONS)
    expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
    expect(await uploadsOf(direct)).toBe(0)
  })
}
