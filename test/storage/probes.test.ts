/** What a check says of targets that do not do what they should, or cannot do what others can. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { TargetConfig } from '../../src/config/targets.ts'
import { BackupError } from '../../src/errors.ts'
import { warningsOf } from '../../src/operations/check-target.ts'
import { deleteAll, type Probing, PROBES } from '../../src/operations/target/probes.ts'
import type { TargetProbe, TargetProbeName } from '../../src/operations/target-reports.ts'
import type { KindProbe } from '../../src/storage/target-probe.ts'
import { openTarget } from '../../src/storage/open-target.ts'
import type { Target } from '../../src/storage/target.ts'
import { during, type Meanwhile } from '../off-site/meanwhile.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { contentOf } from './contents.ts'
import { SIGNAL } from './contract.ts'

const OPTIONS = { signal: SIGNAL }
const LOCAL: TargetConfig = { kind: 'local', path: '/' }
const S3: TargetConfig = { kind: 's3', bucket: 'b', accessKeyId: 'a', secretAccessKey: { env: 'NONE' } }
const LOCKING: TargetConfig = { ...S3, objectLock: { mode: 'GOVERNANCE', days: 1 } }

/** What a server answers of which more can be asked. */
function saying(said: {
  skewMs?: number | null
  md5?: boolean
  sha256?: boolean
  lock?: 'kept' | 'deleted' | 'not-locked'
}): KindProbe {
  return {
    clockSkewMs: async () => said.skewMs ?? null,
    refusesWrongBytes: async () => ({ md5: said.md5 ?? false, sha256: said.sha256 ?? false }),
    keepsLocked: async () => said.lock ?? 'kept',
    async [Symbol.asyncDispose]() {},
  }
}

interface Tried {
  readonly config?: TargetConfig
  readonly kind?: KindProbe
  readonly meanwhile?: (path: (key: string) => string) => Meanwhile
  readonly change?: (target: Target) => Partial<Target>
}

/** Tries what is named, one after another, at a directory that is changed so; returns what the last of them says. */
async function tried(
  names: readonly Exclude<TargetProbeName, 'delete'>[],
  { config = LOCAL, kind, meanwhile = () => ({}), change = () => ({}) }: Tried = {},
): Promise<string> {
  const root = temporaryDirectory()
  const opened = await openTarget('there', { kind: 'local', path: root }, { directory: '/', environment: {} })
  const hooked = during(
    opened,
    meanwhile(key => join(root, key)),
  )
  const target = { ...hooked, ...change(hooked) }
  const probing: Probing = {
    config,
    target,
    trusting: target,
    kind: kind ?? null,
    key: name => `check-${name}`,
    options: OPTIONS,
  }
  let last = ''
  for (const name of names) {
    const { status, detail } = await PROBES[name](probing)
    last = `${status}: ${detail}`
  }
  return last
}

test.for<[string, readonly Exclude<TargetProbeName, 'delete'>[], string]>([
  ['loses what was put', ['put'], 'failed: an object that was put is not there'],
  ['gives back other bytes', ['put', 'get'], 'failed: gives back other bytes than were put'],
  ['gives other parts', ['put', 'range'], 'failed: gives other parts than were asked for'],
  ['lists nothing', ['put', 'list'], 'failed: does not list what was just put'],
])('a target that %s cannot be used', async ([what, names, said]) => {
  const isLosing = what === 'loses what was put'
  const answer = await tried(names, {
    change: target => ({
      ...(isLosing ? { head: async () => null } : {}),
      ...(what === 'lists nothing' ? { async *list() {} } : {}),
      async *get(key, options) {
        for await (const chunk of target.get(key, options)) yield Buffer.from(chunk).reverse()
      },
    }),
  })
  expect(answer).toBe(said)
})

test('a bucket whose listings leave out what is on the second page cannot be used', async () => {
  expect(await tried(['paging'], { config: S3 })).toBe('yes: lists more than one page')
  const change = (target: Target): Partial<Target> => ({
    async *list(prefix, options) {
      let count = 0
      for await (const object of target.list(prefix, options)) if (count++ < 2) yield object
    },
  })
  const said = 'failed: leaves objects out of a listing of several pages'
  expect(await tried(['paging'], { config: S3, change })).toBe(said)
  expect(await tried(['paging'])).toBe('skipped: its listings have no pages')
})

test('a bucket that joins the parts of large objects wrongly cannot be used', async () => {
  expect(await tried(['multipart'], { config: S3 })).toBe('yes: takes large objects in parts')
  const meanwhile = (path: (key: string) => string): Meanwhile => ({
    after(call, key) {
      if (call === 'put') writeFileSync(path(key), readFileSync(path(key)).subarray(1))
    },
  })
  expect(await tried(['multipart'], { config: S3, meanwhile })).toBe('failed: makes other bytes of parts')
})

test.for<[string, Parameters<typeof saying>[0], string]>([
  ['both', { md5: true, sha256: true }, 'yes: refuses bytes that are not those of their MD5 or SHA-256'],
  ['MD5 alone', { md5: true }, 'yes: refuses bytes that are not those of their MD5'],
  ['SHA-256 alone', { sha256: true }, 'yes: refuses bytes that are not those of their SHA-256'],
  ['neither', {}, 'no: takes bytes that are not those of their checksum'],
])('of a server that compares %s the check says so', async ([, said, answer]) => {
  expect(await tried(['checksum'], { config: S3, kind: saying(said) })).toBe(answer)
})

test('a server whose clock is off by more than signatures allow cannot be used', async () => {
  const clock = (skewMs: number | null): Promise<string> =>
    tried(['clock'], { config: S3, kind: saying({ skewMs }) })
  expect(await clock(-2000)).toBe('yes: its clock and the one here differ by 2 s')
  expect(await clock(3_600_000)).toBe('failed: its clock and the one here differ by 3600 s: set them')
  expect(await clock(null)).toBe('skipped: does not tell the time')
  expect(await tried(['clock'])).toBe('skipped: does not tell the time')
})

test('a target that replaces what has a key cannot be used', async () => {
  const change = (target: Target): Partial<Target> => ({
    async putIfAbsent(key, bytes, options) {
      await target.put(key, contentOf(bytes), options)
      return true
    },
  })
  expect(await tried(['put-if-absent'], { change })).toBe('failed: replaced what had a key')
})

test('where several may believe to have won, or nobody can say, the check says so', async () => {
  expect(await tried(['race'], { config: { kind: 'rclone', remote: 'x:' } })).toContain('no: cannot decide')
  const all = await tried(['race'], { change: () => ({ putIfAbsent: async () => true }) })
  expect(all).toBe('no: of 8 at once 8 were told that the key was theirs')
  const refusing = (code: 'TARGET_REFUSED' | 'TARGET_FULL') => (): Partial<Target> => ({
    putIfAbsent: () => Promise.reject(new BackupError(code, 'not so')),
  })
  expect(await tried(['race'], { change: refusing('TARGET_REFUSED') })).toBe(
    'no: does not know conditional writes',
  )
  await expect(tried(['race'], { change: refusing('TARGET_FULL') })).rejects.toMatchObject({
    code: 'TARGET_FULL',
  })
})

test('a lock that is asked for has to hold', async () => {
  const lock = (said: 'kept' | 'deleted' | 'not-locked'): Promise<string> =>
    tried(['object-lock'], { config: LOCKING, kind: saying({ lock: said }) })
  expect(await lock('kept')).toBe('yes: keeps what is locked')
  expect(await lock('deleted')).toBe('failed: was asked for a lock, and deleted it all the same')
  expect(await lock('not-locked')).toBe('failed: was asked for a lock, and did not lock')
  expect(await tried(['object-lock'], { config: S3, kind: saying({}) })).toBe('skipped: is not asked for')
  expect(await tried(['object-lock'])).toBe('skipped: has no object lock')
})

test('a target that does not tell its free space can be used', async () => {
  const answer = await tried(['free-space'], { change: () => ({ freeBytes: async () => null }) })
  expect(answer).toBe('no: does not tell how much may still be written')
})

test('what this key cannot delete is named, and a target that fails meanwhile is not taken for one that keeps', async () => {
  const root = temporaryDirectory()
  const target = await openTarget('there', { kind: 'local', path: root }, { directory: '/', environment: {} })
  for (const key of ['check-a', 'check-b']) await target.put(key, contentOf(Buffer.from('x')), OPTIONS)
  const refusing = (code: 'OBJECT_LOCKED' | 'TARGET_UNREACHABLE'): Target =>
    during(target, {
      before(call, key) {
        if (call === 'delete' && key === 'check-a') throw new BackupError(code, `not ${key}`)
      },
    })
  expect(await deleteAll(refusing('TARGET_UNREACHABLE'), 'check-', OPTIONS)).toEqual({
    left: [],
    answer: { status: 'failed', detail: 'not check-a' },
  })
  expect(await deleteAll(refusing('OBJECT_LOCKED'), 'check-', OPTIONS)).toEqual({
    left: ['check-a'],
    answer: { status: 'no', detail: 'this key cannot delete' },
  })
})

test.for<
  [string, Partial<TargetConfig>, Partial<Record<TargetProbeName, TargetProbe['status']>>, string | null]
>([
  ['cannot delete', {}, { delete: 'no' }, 'If that is meant, say appendOnly'],
  ['cannot delete, as is meant', { appendOnly: true }, { delete: 'no' }, null],
  ['can delete, as is not meant', { appendOnly: true }, { delete: 'yes' }, 'take that right from it'],
  ['does not decide races', {}, { race: 'no' }, 'let one machine write there'],
  ['compares no checksums', {}, { checksum: 'no' }, 'verify what is there'],
  ['does all', {}, { delete: 'yes', race: 'yes', checksum: 'yes' }, null],
])('a target that %s is warned of as far as that matters', ([, config, seen, warning]) => {
  const probes = Object.entries(seen).map(([probe, status]) => ({ probe, status, detail: '' }) as TargetProbe)
  const warnings = warningsOf({ ...LOCAL, ...config } as TargetConfig, probes)
  expect(warnings).toEqual(warning === null ? [] : [expect.stringContaining(warning)])
})
