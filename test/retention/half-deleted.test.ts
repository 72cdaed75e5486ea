/** What deletions leave that were killed, or failed: the next cleanup finishes it, or takes it back. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { expect, onTestFinished, test } from 'vitest'
import { resolveSettings } from '../../src/config/settings.ts'
import type { Candidate } from '../../src/retention/standing.ts'
import { mountLoop } from '../disks/devices.ts'
import { contextOf } from '../support/operation.ts'
import { run, testWith } from '../support/requirements.ts'
import { temporaryDirectory } from '../support/temporary.ts'
import { daily } from './made-up.ts'
import { openScene, type Scene } from './place.ts'

/** What a deletion that was killed after its mark leaves. */
function halfDelete(scene: Scene, { filename, type }: Candidate): string {
  const mark = scene.path('metadata', `${filename}.json.deleting-${type}`)
  renameSync(scene.path('metadata', `${filename}.json`), mark)
  return mark
}

test('what a killed deletion left is not listed, and finished by the next cleanup', async () => {
  const backups = daily('2025-06-27', 3)
  const [, half] = backups
  if (half === undefined) throw new Error('unreachable')
  const scene = openScene(backups)
  halfDelete(scene, half)
  const listed = await scene.database.listBackups()
  expect(listed.map(({ filename }) => filename)).not.toContain(half.filename)
  const cleaned = await scene.cleanup()
  expect(cleaned).toMatchObject({ finished: [half.filename], deleted: [] })
  expect(scene.names('daily')).toHaveLength(2)
  expect(scene.names('metadata')).toHaveLength(2)
})

test('a deletion that was killed once the image was gone is finished too', async () => {
  const backups = daily('2025-06-27', 3)
  const [, half] = backups
  if (half === undefined) throw new Error('unreachable')
  const scene = openScene(backups)
  halfDelete(scene, half)
  rmSync(scene.path('daily', half.filename))
  expect(await scene.cleanup()).toMatchObject({ finished: [half.filename], deleted: [] })
  expect(scene.names('metadata')).toHaveLength(2)
})

testWith(
  ['root', 'linux', 'mount', 'mkfs.ext4', 'chattr'],
  'a backup whose image cannot be removed stays whole, is named, and keeps no other from going',
  async () => {
    const backups = daily('2025-06-27', 10)
    const directory = temporaryDirectory()
    mountLoop(directory, 'ext4', 16)
    const scene = openScene(backups, directory)
    const oldest = backups.at(-1)?.filename ?? ''
    run('chattr', ['+i', scene.path('daily', oldest)])
    onTestFinished(() => void run('chattr', ['-i', scene.path('daily', oldest)]))
    const cleaned = await scene.cleanup()
    expect(cleaned).toMatchObject({ status: 'incomplete', failed: [{ backup: { filename: oldest } }] })
    expect(cleaned.deleted).toHaveLength(2)
    expect((await scene.database.listBackups()).map(({ filename }) => filename)).toContain(oldest)
  },
)

test('no new backup takes the name of one that is half deleted', async () => {
  const scene = openScene(daily('2025-06-27', 2))
  const [, half] = daily('2025-06-27', 2)
  if (half === undefined) throw new Error('unreachable')
  const mark = halfDelete(scene, half)
  rmSync(scene.path('daily', half.filename))
  const { freeFilename } = await import('../../src/operations/free-filename.ts')
  const settings = resolveSettings(
    { config: {}, directory: '/', file: null },
    { path: '/app.db', backupDir: scene.backupDir },
    {},
    '/',
  )
  const time = { compact: '20250626_020000', timestamp: '2025-06-26T02:00:00' }
  const context = { ...contextOf({ path: '/app.db' }), settings }
  expect(await freeFilename('daily', time, context)).toBe('app_backup_daily_20250626_020000_2.db')
  rmSync(mark)
  expect(await freeFilename('daily', time, context)).toBe(half.filename)
})

test('an image that was put back since its deletion was begun gets its metadata back instead', async () => {
  const backups = daily('2025-06-27', 3)
  const [, half] = backups
  if (half === undefined) throw new Error('unreachable')
  for (const content of ['x'.repeat(half.size), 'another image']) {
    const scene = openScene(backups)
    const mark = halfDelete(scene, half)
    const image = scene.path('daily', half.filename)
    await untilLater(statSync(mark).ctimeMs, scene.path('tick'))
    writeFileSync(image, content)
    expect(await scene.cleanup()).toMatchObject({ finished: [], deleted: [] })
    expect(readFileSync(image, 'utf8')).toBe(content)
    expect(existsSync(mark)).toBe(false)
    const listed = await scene.database.listBackups()
    expect(listed.find(({ filename }) => filename === half.filename)).toMatchObject({ metadataState: 'ok' })
  }
})

/** Waits until the file system's clock has gone on. */
async function untilLater(thanMs: number, probe: string): Promise<void> {
  for (;;) {
    writeFileSync(probe, '')
    const { ctimeMs } = statSync(probe)
    rmSync(probe)
    if (ctimeMs > thanMs) return
    await new Promise(resolve => setImmediate(resolve))
  }
}

test('a mark whose image has metadata of its own again is dropped', async () => {
  const backups = daily('2025-06-27', 3)
  const [, half] = backups
  if (half === undefined) throw new Error('unreachable')
  const scene = openScene(backups)
  const mark = halfDelete(scene, half)
  copyFileSync(mark, scene.path('metadata', `${half.filename}.json`))
  await untilLater(statSync(mark).ctimeMs, scene.path('tick'))
  chmodSync(scene.path('daily', half.filename), 0o600)
  await scene.cleanup()
  expect(existsSync(mark)).toBe(false)
  expect(await scene.database.listBackups()).toHaveLength(3)
})
