/** Restoring without this product: what docs/formats.md tells a person to type. */
import { readFileSync, writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { run, testWith } from '../support/requirements.ts'
import { succeeded } from '../support/product.ts'
import { expectCommit, restored } from '../restore/scene.ts'
import { COMMITS, openPlace } from './place.ts'

testWith(['zstd', 'sqlite3', 'sha256sum'], 'sha256sum, zstd and sqlite3 restore a zstd backup', async () => {
  const place = await openPlace()
  const { backupPath, metadata } = succeeded(await place.product().createBackup({ encoding: 'zstd' }))
  const to = place.path('restored.db')
  expect(run('sha256sum', [backupPath])).toContain(metadata.checksum)
  run('zstd', ['-d', '-q', backupPath, '-o', to])
  expect(run('sha256sum', [to])).toContain(metadata.image_checksum)
  expect(run('sqlite3', [to, 'PRAGMA integrity_check']).trim()).toBe('ok')
  expectCommit(to, COMMITS)
})

testWith(
  ['age', 'zstd', 'sqlite3', 'sha256sum'],
  'sha256sum, age, zstd and sqlite3 restore an encrypted one',
  async () => {
    const place = await openPlace()
    const { backupPath, metadata } = succeeded(await place.product().createBackup({ encoding: 'zstd+age' }))
    const to = place.path('restored.db')
    expect(run('sha256sum', [backupPath])).toContain(metadata.checksum)
    run('sh', ['-ec', 'age -d -i "$1" "$2" | zstd -d -q > "$3"', 'sh', place.identity, backupPath, to])
    expect(run('sha256sum', [to])).toContain(metadata.image_checksum)
    expect(run('sqlite3', [to, 'PRAGMA integrity_check']).trim()).toBe('ok')
    expectCommit(to, COMMITS)
  },
)

testWith(['age', 'zstd'], 'what age and zstd made is restored as a backup', async () => {
  const place = await openPlace()
  const { backupPath } = succeeded(await place.product().createBackup())
  const made = place.path('by-hand.db.zst.age')
  run('sh', ['-ec', 'zstd -q -c "$1" | age -r "$2" > "$3"', 'sh', backupPath, place.recipient, made])
  const to = place.path('to.db')
  restored(await place.product().restoreBackup(made, { to, identity: place.identity }))
  expectCommit(to, COMMITS)
})

testWith(['age', 'zstd', 'script'], 'age opens what was encrypted with a passphrase', async () => {
  const place = await openPlace()
  writeFileSync(place.path('passphrase'), 'a long passphrase')
  const encryption = { passphrase: { file: 'passphrase' } }
  const database = place.product({ encoding: 'zstd+age', encryption })
  const { backupPath, metadata } = succeeded(await database.createBackup())
  const out = place.path('out.zst')
  // age reads passphrases from a terminal only.
  run('script', ['-qec', `age -d -o ${out} ${backupPath}`, '/dev/null'], 'a long passphrase\n')
  run('zstd', ['-d', '-q', out, '-o', place.path('out.db')])
  expect(run('sha256sum', [place.path('out.db')])).toContain(metadata.image_checksum)
  expect(readFileSync(place.path('out.db')).length).toBe(metadata.image_size)
})
