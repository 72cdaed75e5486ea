/** What conversions that were killed have left, and what only looks like that: made up, as the catalog would find it. */
import { createHash } from 'node:crypto'
import { chmodSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { BackupsConverted, ConvertBackupsRequest, Metadata, Step } from '../../src/index.ts'
import { convertBackups } from '../../src/operations/convert-backups.ts'
import { openPlace, type Place, readJson } from '../off-site/place.ts'
import { madeUp, store } from '../retention/made-up.ts'
import { asNobody } from '../support/as-nobody.ts'
import { contextOf } from '../support/operation.ts'
import { failedWith, succeeded } from '../support/product.ts'
import { testWith } from '../support/requirements.ts'

const MADE = madeUp('2025-06-27T02:00:00Z', { type: 'manual', size: 512 })
const PLAIN = MADE.filename
const ZSTD = `${PLAIN}.zst`
const CONVERTED = 'x'.repeat(10)
const CONVERTED_FILE = {
  file_size: CONVERTED.length,
  checksum: createHash('sha256').update(CONVERTED).digest('hex'),
  image_checksum: '0'.repeat(64),
  encoding: 'zstd',
}
const PIN = { reason: 'audit', by: 'legal', at: '2025-06-28T02:00:00Z' }

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** A backup directory with the plain backup. */
function openMade(metadata: Partial<Metadata> = {}): Place {
  const place = openPlace([], {}, null)
  store(place.backupDir, [madeUp('2025-06-27T02:00:00Z', { type: 'manual', size: 512, metadata })])
  return place
}

function describe(place: Place, filename: string, metadata: Partial<Metadata>): void {
  const text = JSON.stringify({ ...MADE.metadata, ...CONVERTED_FILE, ...metadata })
  writeFileSync(join(place.backupDir, 'metadata', `${filename}.json`), text)
}

/** The zstd backup that was made of the plain one. */
function addConverted(place: Place, metadata: Partial<Metadata> = {}): void {
  writeFileSync(join(place.backupDir, 'manual', ZSTD), CONVERTED)
  describe(place, ZSTD, { converted_from: PLAIN, ...metadata })
}

/** What the next cleanup says that it has finished. */
async function finished(place: Place): Promise<readonly string[]> {
  return succeeded(await place.database().cleanupOldBackups()).finished
}

function storedIn(place: Place): string[] {
  return readdirSync(join(place.backupDir, 'manual')).toSorted()
}

function madeOf(place: Place): unknown {
  return readJson(join(place.backupDir, 'metadata', `${ZSTD}.json`))['converted_from']
}

test('a conversion that was killed before the old form went is finished, and may begin anew', async () => {
  const place = openMade()
  addConverted(place)
  expect(await finished(place)).toEqual([PLAIN])
  expect(storedIn(place)).toEqual([ZSTD])
  expect(madeOf(place)).toBeUndefined()
  expect(await finished(place)).toEqual([])
})

test.for<[string, (place: Place) => void]>([
  ['the new form is not whole', place => addConverted(place, { file_size: 11 })],
  ['a check has found the new form damaged', place => addConverted(place, { damaged_at: PIN.at })],
  [
    'a byte of the new form has changed',
    place => {
      addConverted(place)
      writeFileSync(join(place.backupDir, 'manual', ZSTD), CONVERTED.replace('x', 'y'))
    },
  ],
  [
    'the old form was pinned meanwhile',
    place => {
      addConverted(place)
      describe(place, PLAIN, { ...MADE.metadata, pinned: PIN })
    },
  ],
  ['the new form is of another image', place => addConverted(place, { image_checksum: '1'.repeat(64) })],
  [
    'the new form was made of another file',
    place => addConverted(place, { converted_from: `another_${PLAIN}` }),
  ],
  [
    'the old form was itself just made of another',
    place => {
      addConverted(place)
      describe(place, PLAIN, { file_size: 512, encoding: 'plain', converted_from: `${PLAIN}.zst.age` })
    },
  ],
  [
    'nobody says which image the old form has',
    place => {
      addConverted(place, { converted_from: `${PLAIN}.zst.age` })
      writeFileSync(join(place.backupDir, 'manual', `${PLAIN}.zst.age`), 'x'.repeat(10))
      describe(place, `${PLAIN}.zst.age`, { image_checksum: undefined, encoding: 'zstd+age' })
    },
  ],
])('where %s, both stay', async ([, prepare]) => {
  const place = openMade()
  prepare(place)
  const before = storedIn(place)
  expect(await finished(place)).toEqual([])
  expect(storedIn(place)).toEqual(before)
  expect(madeOf(place)).toBeUndefined()
})

test('the old form of a backup that was pinned before it was converted goes, as the new one has its pin', async () => {
  const place = openMade({ pinned: PIN })
  addConverted(place, { pinned: PIN })
  expect(await finished(place)).toEqual([PLAIN])
})

test('where a pack of the new form is not there, both stay', async () => {
  const place = openPlace([])
  const { filename } = succeeded(await place.database().createBackup())
  const paths = [
    join(place.backupDir, 'manual', filename),
    join(place.backupDir, 'metadata', `${filename}.json`),
  ].map(path => [path, readFileSync(path)] as const)
  const { converted } = succeeded(await place.database().convertBackups({ encoding: 'blocks' }))
  for (const [path, bytes] of paths) writeFileSync(path, bytes)
  const after = converted[0]?.backup.filename ?? ''
  const metadata = join(place.backupDir, 'metadata', `${after}.json`)
  writeFileSync(metadata, JSON.stringify({ ...readJson(metadata), converted_from: filename }))
  for (const name of place.files('backups')) if (name.endsWith('.pack')) rmSync(place.path('backups', name))
  expect(await finished(place)).toEqual([])
  expect(storedIn(place)).toEqual([filename, after].toSorted())
})

test('metadata of a conversion that was killed before its file had its name goes, and no other', async () => {
  const place = openMade()
  describe(place, ZSTD, { converted_from: PLAIN })
  describe(place, `another_${ZSTD}`, { converted_from: `another_${PLAIN}` })
  describe(place, `old_${PLAIN}`, {})
  writeFileSync(join(place.backupDir, 'metadata', 'notes.txt'), 'mine')
  expect(await finished(place)).toEqual([`${ZSTD}.json`])
  expect(readdirSync(join(place.backupDir, 'metadata')).toSorted()).toEqual(
    [`${PLAIN}.json`, `another_${ZSTD}.json`, 'notes.txt', `old_${PLAIN}.json`].toSorted(),
  )
})

test('without a backup directory there is nothing to convert', async () => {
  const place = openPlace()
  const done = succeeded(await place.database().convertBackups({ encoding: 'zstd' }))
  expect(done).toMatchObject({ status: 'done', converted: [], skipped: [], failed: [] })
})

test('a file that has the name already is not overwritten by a conversion', async () => {
  const place = openPlace()
  const { filename } = succeeded(await place.database().createBackup())
  const taken = join(place.backupDir, 'manual', `${filename}.zst`)
  writeFileSync(taken, 'mine')
  const done = succeeded(await place.database().convertBackups({ backups: [filename], encoding: 'zstd' }))
  expect(done).toMatchObject({ converted: [], skipped: [{ why: expect.stringContaining('another file') }] })
  expect(readFileSync(taken, 'utf8')).toBe('mine')
})

/** Converts, and does something when a step begins for the first time. */
async function converting(
  place: Place,
  request: ConvertBackupsRequest,
  { at, act, signal }: { readonly at: Step; readonly act: () => void; readonly signal?: AbortSignal },
): Promise<BackupsConverted> {
  let isDone = false
  const onProgress = ({ step }: { readonly step: Step }): void => {
    if (step === at && !isDone) {
      isDone = true
      act()
    }
  }
  const more = signal === undefined ? {} : { signal }
  return await convertBackups(request, contextOf({ path: place.databasePath, onProgress, ...more }))
}

test('what another conversion leaves when it is killed meanwhile is finished before its backup is converted', async () => {
  const place = openPlace()
  const older = succeeded(await place.database().createBackup())
  const newer = succeeded(await place.database().createBackup())
  const path = join(place.backupDir, 'metadata', `${newer.filename}.json`)
  const done = await converting(
    place,
    { encoding: 'zstd' },
    {
      at: 'encode-image',
      act: () =>
        writeFileSync(
          path,
          JSON.stringify({ ...newer.metadata, converted_from: `${newer.filename}.zst.age` }),
        ),
    },
  )
  expect(done.converted.map(({ from }) => from)).toEqual([older.filename, newer.filename])
  expect(storedIn(place)).toEqual([`${older.filename}.zst`, `${newer.filename}.zst`].toSorted())
})

test('a conversion that is cancelled in the middle leaves the backup as it was', async () => {
  const place = openPlace()
  const { filename } = succeeded(await place.database().createBackup({ encoding: 'zstd' }))
  const cancelling = new AbortController()
  const order = { at: 'encode-image', act: () => cancelling.abort(), signal: cancelling.signal } as const
  await expect(converting(place, { encoding: 'plain' }, order)).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(storedIn(place)).toEqual([filename])
})

test('an encoded backup that cannot be decoded is not converted', async () => {
  const place = openPlace()
  const { backupPath } = succeeded(await place.database().createBackup({ encoding: 'zstd' }))
  writeFileSync(backupPath, readFileSync(backupPath).fill(0xff, 0, 64))
  failedWith('BACKUP_DAMAGED', await place.database().convertBackups({ encoding: 'plain' }))
})

test('what is no image of whole pages is not converted to pages', async () => {
  // The head of a database with pages of 512 bytes.
  const bytes = Buffer.alloc(700)
  bytes.write('SQLite format 3\0', 'latin1')
  bytes.writeUInt16BE(512, 16)
  const place = openMade({ file_size: bytes.length, checksum: sha256(bytes) })
  writeFileSync(join(place.backupDir, 'manual', PLAIN), bytes)
  const failure = failedWith(
    'BACKUP_UNSUPPORTED',
    await place.database().convertBackups({ encoding: 'blocks' }),
  )
  expect(failure.hint).toContain('zstd')
  expect(storedIn(place)).toEqual([PLAIN])
})

test('the backup of an empty database is converted to pages and back, whatever it is called', async () => {
  const place = openPlace([], {}, null)
  const checksum = sha256(Buffer.alloc(0))
  const { database: _, ...metadata } = { ...MADE.metadata, file_size: 0, checksum } as Metadata
  store(place.backupDir, [{ ...MADE, filename: 'mine.db', size: 0, metadata }])
  for (const encoding of ['blocks', 'plain'] as const)
    expect(succeeded(await place.database().convertBackups({ encoding })).converted).toHaveLength(1)
  expect(readFileSync(join(place.backupDir, 'manual', 'mine.db'))).toHaveLength(0)
  expect(readJson(join(place.backupDir, 'metadata', 'mine.db.json'))).toMatchObject({
    checksum,
    file_size: 0,
  })
})

testWith(
  ['root'],
  'where the new form cannot be read, both stay, and the rest of the run goes on',
  async () => {
    const place = openMade()
    addConverted(place)
    const closed = join(place.backupDir, 'manual', ZSTD)
    chmodSync(closed, 0o600)
    expect(await asNobody(place.path(), closed, () => finished(place))).toEqual([])
    expect(storedIn(place)).toEqual([PLAIN, ZSTD])
  },
)
