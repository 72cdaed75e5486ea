import { expect, test } from 'vitest'
import { isOurLargeKey, packKey } from '../../src/catalog/target-keys.ts'

const ID = '3f'.padEnd(64, '0')

test.each([
  'daily/app_backup_daily_20250627_020000.db',
  'manual/app_backup_manual_20250627_020000_2.db.zst.age',
  packKey(ID),
  'chame-check-0123abcd-large',
])('%s can only be of our making, and so can an upload of it', key => {
  expect(isOurLargeKey(key)).toBe(true)
})

test.each([
  'video.mp4',
  'daily/video.mp4',
  'daily/more/app_backup_daily_20250627_020000.db',
  'blocks/00/video.pack',
  `blocks/00/${ID}.pack`,
  'chame-check-list',
  '',
])('"%s" may be of another program that uses the same bucket', key => {
  expect(isOurLargeKey(key)).toBe(false)
})
