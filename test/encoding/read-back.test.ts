/** What is written is read back and decoded, and what is decoded is no more than was said. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { zstdCompressSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { Progress, Step } from '../../src/index.ts'
import { convertBackups } from '../../src/operations/convert-backups.ts'
import { verifyBackup } from '../../src/operations/verify-backup.ts'
import { openPlace, type Place, readJson } from '../off-site/place.ts'
import { contextOf } from '../support/operation.ts'
import { succeeded } from '../support/product.ts'
import { filesBelow } from '../support/temporary.ts'

/** The encoded file that is not published yet. */
function stagedIn(place: Place): string {
  const [name = ''] = filesBelow(place.backupDir).filter(each => each.endsWith('image.encoded'))
  return join(place.backupDir, name)
}

/** Does something when a step begins. */
function at(step: Step, act: () => void): (progress: Progress) => void {
  return progress => {
    if (progress.step === step && progress.doneBytes === undefined) act()
  }
}

const CHANGES: readonly (readonly [string, (path: string) => void])[] = [
  ['cannot be decoded', path => writeFileSync(path, readFileSync(path).fill(0xff, 0, 64))],
  ['decodes to something else', path => writeFileSync(path, zstdCompressSync(Buffer.from('something else')))],
]

test.for(CHANGES)(
  'what a conversion has written and %s does not take the place of the backup',
  async ([, change]) => {
    const place = openPlace()
    const { filename } = succeeded(await place.database().createBackup())
    const onProgress = at('check-image', () => change(stagedIn(place)))
    const context = contextOf({ path: place.databasePath, onProgress })
    await expect(convertBackups({ encoding: 'zstd' }, context)).rejects.toMatchObject({ code: 'IO_FAILED' })
    expect(readdirSync(join(place.backupDir, 'manual'))).toEqual([filename])
    expect(succeeded(await place.database().verifyBackup(filename)).status).toBe('intact')
  },
)

test('a conversion that is cancelled while it reads back leaves the backup as it was', async () => {
  const place = openPlace()
  const { filename } = succeeded(await place.database().createBackup())
  const cancelling = new AbortController()
  const onProgress = at('check-image', () => cancelling.abort())
  const context = contextOf({ path: place.databasePath, onProgress, signal: cancelling.signal })
  await expect(convertBackups({ encoding: 'zstd' }, context)).rejects.toMatchObject({ code: 'CANCELLED' })
  expect(readdirSync(join(place.backupDir, 'manual'))).toEqual([filename])
})

test('a verification that is cancelled says nothing of the backup', async () => {
  const place = openPlace()
  const { filename } = succeeded(await place.database().createBackup({ encoding: 'zstd' }))
  const cancelling = new AbortController()
  const onProgress = at('verify-backup', () => cancelling.abort())
  const context = contextOf({ path: place.databasePath, onProgress, signal: cancelling.signal })
  await expect(verifyBackup({ backup: filename }, context)).rejects.toMatchObject({ code: 'CANCELLED' })
})

test('a file of few bytes that stands for more than its image is damaged, and fills no disk', async () => {
  const place = openPlace()
  const { filename } = succeeded(await place.database().createBackup({ encoding: 'zstd' }))
  const path = join(place.backupDir, 'metadata', `${filename}.json`)
  writeFileSync(path, JSON.stringify({ ...readJson(path), image_size: 5000 }))
  expect(succeeded(await place.database().verifyBackup(filename))).toMatchObject({
    status: 'damaged',
    problems: [{ code: 'NOT_DECODABLE', message: expect.stringContaining('more than the 5000 bytes') }],
  })
})
