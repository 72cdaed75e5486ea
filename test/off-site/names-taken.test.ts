/** Which name a copy gets at a target where others are at work, or have been. */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import type { Metadata } from '../../src/index.ts'
import { imageKey, markKey, metadataKey } from '../../src/catalog/target-keys.ts'
import { type Claim, type Claimant, claimName } from '../../src/operations/claim-name.ts'
import { identityOf } from '../../src/operations/copy-identity.ts'
import { openTarget } from '../../src/storage/open-target.ts'
import { madeUp } from '../retention/made-up.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { during, type Meanwhile } from './meanwhile.ts'

const { filename: FILENAME, metadata } = madeUp('2025-06-27T02:00:00Z')
const METADATA = metadata as Metadata
const SECOND = FILENAME.replace('.db', '_2.db')
const IMAGE = { type: 'daily', filename: FILENAME }
const OURS: Claimant = { ...IMAGE, mark: identityOf(METADATA), metadata: METADATA }
const COPYING = markKey({ kind: 'copying', ...IMAGE })

class There {
  readonly root: string = temporaryDirectory()

  put(key: string, text: string): void {
    const path = join(this.root, key)
    mkdirSync(dirname(path), { recursive: true })
    writeFileSync(path, text)
  }

  remove(key: string): void {
    rmSync(join(this.root, key), { recursive: true })
  }

  /** A whole backup with this metadata. */
  store(there: Metadata, size = there.file_size): void {
    this.put(imageKey(IMAGE), 'x'.repeat(size))
    this.put(metadataKey(FILENAME), JSON.stringify(there))
  }

  async claim(claimant: Claimant = OURS, meanwhile: Meanwhile = {}): Promise<Claim> {
    const around = { directory: '/', environment: {} }
    await using target = await openTarget('there', { kind: 'local', path: this.root }, around)
    return await claimName(during(target, meanwhile), claimant, new AbortController().signal)
  }
}

test('a free name is claimed, and still the same backup’s after a crash', async () => {
  const there = new There()
  expect(await there.claim()).toEqual({ state: 'claimed', filename: FILENAME })
  expect(await there.claim()).toEqual({ state: 'claimed', filename: FILENAME })
  expect(await there.claim({ ...OURS, mark: 'another' })).toEqual({ state: 'claimed', filename: SECOND })
})

test.for<[string, (there: There) => void]>([
  ['somebody else copies a backup of that name', there => there.put(COPYING, 'another')],
  [
    'somebody else copies a backup of that name in another type',
    there => there.put(markKey({ kind: 'copying', ...IMAGE, type: 'weekly' }), OURS.mark),
  ],
  ['a mark there is none of ours', there => there.put(COPYING, 'x'.repeat(5000))],
  ['a backup of that name is being deleted', there => there.put(markKey({ kind: 'deleting', ...IMAGE }), '')],
  ['a file of that name has no metadata', there => there.put(imageKey(IMAGE), 'copied in')],
  [
    'metadata of that name cannot be read',
    there => {
      there.put(imageKey(IMAGE), 'x')
      there.put(metadataKey(FILENAME), '{')
    },
  ],
  ['another backup has that name', there => there.store({ ...METADATA, created_at: '2020-01-01T00:00:00Z' })],
  [
    'the same backup is there in another encoding, and not whole',
    there =>
      there.store(
        { ...METADATA, image_checksum: METADATA.checksum, checksum: '1'.repeat(64) },
        METADATA.file_size - 1,
      ),
  ],
])('where %s, a copy gets the next name', async ([, prepare]) => {
  const there = new There()
  prepare(there)
  expect(await there.claim()).toEqual({ state: 'claimed', filename: SECOND })
})

test('what is there already is not copied again, and what is not whole is completed under its name', async () => {
  const there = new There()
  there.store(METADATA)
  // Files of others do not matter, whatever their names begin with.
  there.put(`${metadataKey(FILENAME)}.bak`, '{}')
  expect(await there.claim()).toEqual({ state: 'there', filename: FILENAME })
  there.store(METADATA, METADATA.file_size - 1)
  expect(await there.claim()).toEqual({ state: 'incomplete', filename: FILENAME })
  there.store({ ...METADATA, damaged_at: '2025-06-28T00:00:00Z' })
  expect(await there.claim()).toEqual({ state: 'incomplete', filename: FILENAME })
})

test.for<[string, string, string]>([
  ['the same backup, by another process', OURS.mark, FILENAME],
  ['another one', 'another', SECOND],
])('a name that is claimed at the same instant for %s goes to one of them', async ([, mark, filename]) => {
  const there = new There()
  const claimed = await there.claim(OURS, {
    before(call, key) {
      if (call === 'putIfAbsent' && key === COPYING) there.put(key, mark)
    },
  })
  expect(claimed).toEqual({ state: 'claimed', filename })
})

/** Whoever set the mark does something just before it is read for the n-th time. */
function finishing(act: (nth: number) => void): Meanwhile {
  let nth = 0
  return {
    before(call, key) {
      if (call === 'get' && key === COPYING) act(++nth)
    },
  }
}

test('where a mark goes while it is looked at, what whoever set it has finished is seen', async () => {
  const there = new There()
  there.put(COPYING, OURS.mark)
  const finish = finishing(() => {
    there.store(METADATA)
    there.remove(COPYING)
  })
  expect(await there.claim(OURS, finish)).toEqual({ state: 'there', filename: FILENAME })
})

test('where a claim is lost to another process that finishes at once, its copy is seen', async () => {
  const there = new There()
  const finish = finishing(() => {
    there.store(METADATA)
    there.remove(COPYING)
  })
  const claimed = await there.claim(OURS, {
    before(call, key) {
      if (call === 'putIfAbsent' && key === COPYING) there.put(key, OURS.mark)
      finish.before?.(call, key)
    },
  })
  expect(claimed).toEqual({ state: 'there', filename: FILENAME })
})

test('a name whose mark goes with nothing done is free again', async () => {
  const there = new There()
  there.put(COPYING, 'another')
  const claimed = await there.claim(
    OURS,
    finishing(() => there.remove(COPYING)),
  )
  expect(claimed).toEqual({ state: 'claimed', filename: FILENAME })
})

test('a name whose mark comes and goes each time is left to whoever is at work there', async () => {
  const there = new There()
  const claimed = await there.claim(OURS, {
    before(call, key) {
      if (call === 'list' && key === metadataKey(FILENAME)) there.put(COPYING, 'another')
      if (call === 'get' && key === COPYING) there.remove(COPYING)
    },
  })
  expect(claimed).toEqual({ state: 'claimed', filename: SECOND })
})

test('a target that goes away while a name is looked for is no answer', async () => {
  const there = new There()
  there.put(COPYING, OURS.mark)
  const claiming = there.claim(OURS, {
    before(call) {
      if (call === 'get') there.remove('')
    },
  })
  await expect(claiming).rejects.toMatchObject({ code: 'TARGET_UNREACHABLE' })
})

test('a name that no number can be added to is not taken from who has it', async () => {
  const there = new There()
  there.put('daily/mine.db', 'copied in')
  const claiming = there.claim({ ...OURS, filename: 'mine.db' })
  await expect(claiming).rejects.toMatchObject({
    code: 'TARGET_REFUSED',
    message: expect.stringContaining('daily/mine.db'),
  })
})
