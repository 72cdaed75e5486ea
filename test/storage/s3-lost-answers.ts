/**
 * What was done, though nobody was told: the answer to a request is lost after the server has acted on it. Or it was not
 * done, and somebody else did the same meanwhile. As tests of a server that is given.
 */
import { createHash, randomBytes } from 'node:crypto'
import { expect } from 'vitest'
import { openTarget } from '../../src/storage/open-target.ts'
import type { Target } from '../../src/storage/target.ts'
import { testWith } from '../support/requirements.ts'
import { type BadLine, error, isBegin, isComplete, isDelete, isHead, isPut, onBadLine } from './bad-line.ts'
import { contentOf, sha256, streamOf } from './contents.ts'
import { failureOf, IMPATIENT, keysOf, open, type Opening, read, SIGNAL } from './contract.ts'
import type { Fault } from './fault-proxy.ts'
import type { S3Around } from './s3-place.ts'

const OPTIONS = { signal: SIGNAL }
const BYTES = randomBytes(6_000_000)
const SMALL = Buffer.from('what two may say alike')

/** What the proxy answers itself, as if the server had broken down. */
const BROKEN = { answer: { status: 500, body: error('InternalError') } }

/** A target of which a check has seen that it decides races. */
function trusting({ config, environment = {} }: Opening): Promise<Target> {
  const capabilities = { conditionalPut: true }
  return openTarget('there', config, { directory: '/', environment, capabilities, retry: IMPATIENT })
}

const isListOfUploads: Fault['when'] = ({ method, url }) => method === 'GET' && url.includes('uploads')

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')

interface UploadSaid {
  readonly key: string
  readonly id: string
  readonly initiated: Date
}

function uploadsXml(uploads: readonly UploadSaid[]): string {
  const said = uploads.map(
    ({ key, id, initiated }) =>
      `<Upload><Key>some/where/${key}</Key><UploadId>${id}</UploadId><Initiated>${initiated.toISOString()}</Initiated></Upload>`,
  )
  return `<ListMultipartUploadsResult><IsTruncated>false</IsTruncated>${said.join('')}</ListMultipartUploadsResult>`
}

function partsXml(tags: readonly string[]): string {
  const said = tags.map(
    (tag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>"${tag}"</ETag><Size>1</Size></Part>`,
  )
  return `<ListPartsResult><IsTruncated>false</IsTruncated>${said.join('')}</ListPartsResult>`
}

export function s3LostAnswers({ needs, place, uploadsOf }: S3Around): void {
  const it = (title: string, body: (scene: BadLine) => Promise<void>): void =>
    testWith(needs, `s3, answer lost: ${title}`, () => onBadLine(() => place(), body))

  it('what was put unless the key is taken is known as ours, though the second try is refused', async scene => {
    await using target = await trusting(scene.through)
    scene.proxy.faults = [{ when: isPut, loseAnswer: true }]
    expect(await target.putIfAbsent('lock', SMALL, OPTIONS)).toBe(true)
    expect(scene.proxy.seen.filter(isPut).map(({ status }) => status)).toEqual([undefined, 412])
    expect((await read(target, 'lock')).equals(SMALL)).toBe(true)
    expect(await target.putIfAbsent('lock', SMALL, OPTIONS)).toBe(false)
  })

  it('so it is where that is refused at once, as a proxy has asked twice', async scene => {
    await using target = await trusting(scene.through)
    const taken = { status: 412, body: error('PreconditionFailed') }
    scene.proxy.faults = [{ when: isPut, answerInstead: taken }]
    expect(await target.putIfAbsent('lock', SMALL, OPTIONS)).toBe(true)
    expect(scene.proxy.seen.filter(isPut)).toHaveLength(1)
  })

  it('and where the look at it fails as well', async scene => {
    await using target = await trusting(scene.through)
    scene.proxy.faults = [
      { when: isPut, loseAnswer: true },
      { when: isHead, times: 2, ...BROKEN },
    ]
    expect(await target.putIfAbsent('lock', SMALL, OPTIONS)).toBe(true)
    expect(scene.proxy.faults).toEqual([])
  })

  it('what somebody else has put meanwhile is not taken for ours, though it says the same', async scene => {
    await using target = await trusting(scene.through)
    await using other = await trusting(scene.direct)
    const takes = async (): Promise<void> => void (await other.putIfAbsent('lock', SMALL, OPTIONS))
    scene.proxy.faults = [{ when: isPut, before: takes, ...BROKEN }]
    expect(await target.putIfAbsent('lock', SMALL, OPTIONS)).toBe(false)
    expect(scene.proxy.seen.filter(isPut).map(({ status }) => status)).toEqual([500, 412])
  })

  it('two that write at once are asked to wait, and then one has won', async scene => {
    await using target = await trusting(scene.through)
    const atWork = { status: 409, body: error('ConditionalRequestConflict') }
    scene.proxy.faults = [{ when: isPut, times: 2, answer: atWork }]
    expect(await target.putIfAbsent('lock', SMALL, OPTIONS)).toBe(true)
    scene.proxy.faults = [{ when: isPut, answer: atWork }]
    expect(await target.putIfAbsent('lock', SMALL, OPTIONS)).toBe(false)
  })

  it('without conditional writes what was put is found, and not put twice', async scene => {
    await using target = await open(scene.through)
    scene.proxy.faults = [{ when: isPut, loseAnswer: true }]
    expect(await target.putIfAbsent('lock', SMALL, OPTIONS)).toBe(true)
    expect(scene.proxy.seen.filter(isPut)).toHaveLength(1)
  })

  it('without conditional writes a second try does not replace what somebody else has put', async scene => {
    await using target = await open(scene.through)
    await using other = await open(scene.direct)
    for (const [key, theirs] of [
      ['alike', SMALL],
      ['other', Buffer.from('what somebody else says')],
    ] as const) {
      const takes = async (): Promise<void> => void (await other.putIfAbsent(key, theirs, OPTIONS))
      scene.proxy.faults = [{ when: isPut, before: takes, ...BROKEN }]
      expect(await target.putIfAbsent(key, SMALL, OPTIONS)).toBe(false)
      expect((await read(target, key)).equals(theirs)).toBe(true)
    }
  })

  it('what somebody else has put is not taken for what was to be put in its place', async scene => {
    await using target = await open(scene.through)
    await using other = await open(scene.direct)
    const theirs = randomBytes(BYTES.length)
    const takes = (key: string, size: number) => () =>
      other.put(key, contentOf(theirs.subarray(0, size)), OPTIONS)
    scene.proxy.faults = [{ when: isPut, before: takes('small', SMALL.length), ...BROKEN }]
    await target.put('small', contentOf(SMALL), OPTIONS)
    expect((await read(target, 'small')).equals(SMALL)).toBe(true)
    const isTaken = { when: isComplete, before: takes('large', BYTES.length), ...BROKEN }
    scene.proxy.faults = [{ ...isTaken }]
    await target.put('large', contentOf(BYTES), OPTIONS)
    expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
    // Who came in between has aborted our upload; what can be read once cannot be put anew.
    scene.proxy.faults = [{ ...isTaken }]
    const failure = await failureOf(target.put('large', streamOf(BYTES), OPTIONS))
    expect(failure.message).toContain('NoSuchUpload')
    expect(sha256(await read(target, 'large'))).toBe(sha256(theirs))
    expect(await uploadsOf(scene.direct)).toBe(0)
  })

  it('an upload that was begun is not left behind', async scene => {
    await using target = await open(scene.through)
    for (const content of [contentOf(BYTES), streamOf(BYTES)]) {
      scene.proxy.faults = [{ when: isBegin, times: 2, loseAnswer: true }]
      await target.put('large', content, OPTIONS)
      expect(scene.proxy.faults).toEqual([])
      expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
      expect(await uploadsOf(scene.direct)).toBe(0)
    }
  })

  it('an upload that is complete and still there is not aborted while an object is made of it', async scene => {
    const { config, environment = {} } = scene.through
    const isOurs = (key: string): boolean => key !== 'theirs'
    await using target = await openTarget('there', config, {
      directory: '/',
      environment,
      isOurs,
      retry: IMPATIENT,
    })
    const tags = [BYTES.subarray(0, 5 << 20), BYTES.subarray(5 << 20)].map(part => md5(part))
    const other = [md5(Buffer.from('another')), ...tags.slice(1)]
    for (const key of ['large', 'old']) await target.put(key, contentOf(BYTES), OPTIONS)
    // As Ceph 16 has them when its gateway is killed in between: it would delete the object with its upload.
    const uploads = [
      { key: 'large', id: 'spent', initiated: new Date(), tags },
      { key: 'old', id: 'kept', initiated: new Date(0), tags },
      { key: 'old', id: 'abandoned', initiated: new Date(0), tags: other },
      { key: 'nothing', id: 'gone', initiated: new Date(0), tags },
      // Of another program that uses the bucket.
      { key: 'theirs', id: 'theirs', initiated: new Date(0), tags },
    ]
    const ofUpload =
      (id: string, method: string): Fault['when'] =>
      request =>
        request.method === method && request.url.includes(`uploadId=${id}&`)
    scene.proxy.faults = [
      { when: isListOfUploads, answer: { status: 200, body: uploadsXml(uploads) } },
      ...uploads.map(({ id, tags: own }) => ({
        when: ofUpload(id, 'GET'),
        times: 2,
        answer: { status: 200, body: partsXml(own) },
      })),
    ]
    const before = scene.proxy.seen.length
    await target.put('large', contentOf(BYTES), OPTIONS)
    const seen = scene.proxy.seen.slice(before)
    const first = (when: Fault['when']): number => seen.findIndex(when)
    for (const id of ['kept', 'theirs']) expect(first(ofUpload(id, 'DELETE')), id).toBe(-1)
    for (const id of ['abandoned', 'gone']) expect(first(ofUpload(id, 'DELETE')), id).toBeGreaterThan(0)
    for (const id of ['abandoned', 'gone'])
      expect(first(ofUpload(id, 'DELETE')), id).toBeLessThan(first(isComplete))
    expect(first(ofUpload('spent', 'DELETE'))).toBeGreaterThan(first(isComplete))
    expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
  })

  it('nor is it where that is found when it is completed: the same is put anew', async scene => {
    await using target = await open(scene.through)
    const isListOfParts: Fault['when'] = ({ method, url }) => method === 'GET' && url.includes('uploadId=')
    const still = { status: 200, body: partsXml([md5(BYTES)]) }
    scene.proxy.faults = [
      { when: isComplete, loseAnswer: true },
      { when: isListOfParts, answer: still },
    ]
    await target.put('large', contentOf(BYTES), OPTIONS)
    expect(scene.proxy.faults).toEqual([])
    expect(scene.proxy.seen.filter(isComplete)).toHaveLength(2)
    expect(scene.proxy.seen.filter(isDelete)).toEqual([])
    expect(sha256(await read(target, 'large'))).toBe(sha256(BYTES))
    // What can be read once is left as it is.
    scene.proxy.faults = [
      { when: isComplete, loseAnswer: true },
      { when: isListOfParts, answer: still },
    ]
    await target.put('stream', streamOf(BYTES), OPTIONS)
    expect(scene.proxy.seen.filter(isDelete)).toEqual([])
    expect(sha256(await read(target, 'stream'))).toBe(sha256(BYTES))
  })

  it('what was deleted is deleted, and nothing else', async scene => {
    await using target = await open(scene.through)
    for (const key of ['gone', 'stays']) await target.put(key, contentOf(SMALL), OPTIONS)
    scene.proxy.faults = [{ when: isDelete, times: 2, loseAnswer: true }]
    await target.delete('gone', OPTIONS)
    expect(scene.proxy.seen.filter(isDelete)).toHaveLength(3)
    expect(await keysOf(target)).toEqual(['stays'])
  })
}
