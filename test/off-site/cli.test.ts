import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { countMessages, openWorkplace, type Workplace } from '../cli/run-cli.ts'
import { addWrongIndex } from '../support/databases.ts'

function withTargets(place: Workplace, names: readonly string[] = ['far']): void {
  const targets = Object.fromEntries(names.map(name => [name, { kind: 'local', path: name }]))
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify({ targets }))
  mkdirSync(place.path('far'), { recursive: true })
}

test('create, sync, list and info say what is at which target, and exit with 3 while one lacks something', async () => {
  using place = openWorkplace()
  withTargets(place, ['far', 'away'])
  const created = await place.cli(['create'])
  expect(created).toMatchObject({ exit: 3, stderr: '' })
  expect(created.stdout).toContain('  copied to far, ')
  expect(created.stdout).toMatch(/✘ Not copied to away: .*there is no directory/)
  expect((await place.cli(['create', '--quiet'])).stdout).toMatch(/^✘ Not copied to away: .*\n$/)
  expect(await place.cli(['create', '--no-copy', '--quiet'])).toMatchObject({ exit: 0, stdout: '' })

  const incomplete = await place.cli(['sync'])
  expect(incomplete.exit).toBe(3)
  expect(incomplete.stdout).toMatch(/✔ far: 1 backup copied, .*; it has 3 backups\n✘ away: 0 backups copied/)
  mkdirSync(place.path('away'))
  expect(await place.cli(['sync', '--quiet'])).toMatchObject({ exit: 0, stdout: '' })
  expect((await place.cli(['list'])).stdout).toContain('away, far')
  expect((await place.cli(['info'])).stdout).toMatch(/At far +3 backups, the newest/)
  expect((await place.cli(['list', '--target', 'away', '--quiet'])).stdout.trim().split('\n')).toHaveLength(3)
  const nowhere = await place.cli(['list', '--target', 'nowhere'])
  expect(nowhere).toMatchObject({ exit: 2, stdout: '' })
  expect(nowhere.stderr).toContain('The configuration has: far, away.')
})

test('a machine that has only the configuration restores from a target', async () => {
  using place = openWorkplace()
  withTargets(place)
  expect((await place.cli(['create'])).exit).toBe(0)
  using bare = openWorkplace()
  rmSync(bare.path('data'), { recursive: true })
  const config = { targets: { far: { kind: 'local', path: place.path('far') } } }
  writeFileSync(bare.path('chame-backup.config.json'), JSON.stringify(config))
  const restored = await bare.cli(['restore', 'latest', '--target', 'far', '--to', 'chame.db'])
  expect(restored).toMatchObject({ exit: 0, stderr: '' })
  expect(countMessages(bare.path('chame.db'))).toBe(500)
  expect((await bare.cli(['verify', '--target', 'far'])).stdout).toContain('✔ Intact:')
  expect((await bare.cli(['drill', '--target', 'far'])).exit).toBe(0)
  expect(
    (await bare.cli(['export', '--from', 'latest', '--target', 'far', '--output', '-'])).stdout,
  ).toContain('message 500')
  expect((await bare.cli(['info', '--target', 'far'])).stdout).toMatch(/Target +far/)
})

test('a wrong object exits with 3, and nothing is restored', async () => {
  using place = openWorkplace()
  withTargets(place)
  const { filename } = (await place.json(['create'])) as { filename: string }
  writeFileSync(place.path('far', 'manual', filename), 'wrong')
  const before = readFileSync(place.databasePath)
  const restored = await place.cli(['restore', 'latest', '--target', 'far', '--confirm'])
  expect(restored.exit).toBe(3)
  expect(restored.stderr).toContain('not what was copied there')
  expect(readFileSync(place.databasePath)).toEqual(before)
  expect((await place.cli(['verify', '--target', 'far'])).exit).toBe(3)
})

test('a cleanup shows what it does at each target, and pins and deletions there are by name', async () => {
  using place = openWorkplace()
  withTargets(place)
  const config = {
    targets: {
      far: { kind: 'local', path: 'far', retention: { types: { daily: { keepLast: 1 } } } },
      locked: { kind: 'local', path: 'locked', appendOnly: true },
    },
  }
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify(config))
  mkdirSync(place.path('locked'))
  for (let count = 0; count < 2; count++) await place.json(['create', '--type', 'daily'])
  const plan = await place.cli(['cleanup'])
  expect(plan).toMatchObject({ exit: 0, stderr: '' })
  expect(plan.stdout).toContain('At the target far:\nWould delete 1 backup')
  expect(plan.stdout).toContain('At the target locked: nothing is deleted, because it is append-only.')
  const { backups } = (await place.json(['list', '--target', 'far'])) as { backups: { filename: string }[] }
  const [newest, oldest] = backups.map(({ filename }) => filename)
  await place.json(['pin', oldest ?? '', '--target', 'far', '--reason', 'audit'])
  expect((await place.cli(['cleanup', '--confirm', '--quiet'])).stdout).toBe('')
  await place.json(['unpin', oldest ?? '', '--target', 'far'])
  expect((await place.cli(['cleanup', '--confirm', '--quiet'])).stdout).toBe(`far:daily/${oldest}\n`)
  const order = ['delete', newest ?? '', '--target', 'far', '--confirm']
  expect((await place.cli(order)).stderr).toContain('the last good backup')
  expect((await place.cli([...order, '--force'])).stdout).toContain(`far:daily/${newest}`)
  rmSync(join(place.directory, 'far'), { recursive: true })
  expect(await place.cli(['cleanup'])).toMatchObject({ exit: 3 })
})

test('verify --copies and repair say what is damaged at a target and here, and what came back from where', async () => {
  using place = openWorkplace()
  withTargets(place)
  const { filename } = (await place.json(['create'])) as { filename: string }
  const intact = await place.cli(['verify', '--copies'])
  expect(intact).toMatchObject({ exit: 0, stderr: '' })
  expect(intact.stdout).toMatch(/✔ far: intact\n {2}1 backup, all objects read, .*\n/)
  expect(await place.cli(['verify', '--copies', '--quiet', '--within', '30d'])).toMatchObject({
    exit: 0,
    stdout: '',
  })
  expect((await place.cli(['info'])).stdout).toMatch(/At far +1 backup, the newest .*, read again/)
  writeFileSync(place.path('far', 'manual', filename), 'wrong')
  const damaged = await place.cli([
    'verify',
    '--copies',
    '--target',
    'far',
    '--sample',
    '1/30',
    '--time',
    '10m',
  ])
  expect(damaged.exit).toBe(3)
  expect(damaged.stdout).toContain(`  far:manual/${filename}: The file has 5 bytes`)
  expect((await place.cli(['list'])).stdout).toContain('damaged at far')
  expect((await place.cli(['info'])).stdout).toMatch(/At far +0 backups, 1 backup not there, 1 damaged/)
  expect((await place.cli(['sync'])).stdout).toContain('✔ far: 1 backup copied')

  expect((await place.cli(['repair'])).stdout).toContain('No backup is known to be damaged')
  const path = place.path('backups', 'manual', filename)
  const bytes = readFileSync(path)
  writeFileSync(path, 'wrong')
  expect((await place.cli(['verify', '--record'])).exit).toBe(3)
  expect((await place.cli(['list'])).stdout).toContain('damaged')
  const repaired = await place.cli(['repair', filename])
  expect(repaired).toMatchObject({ exit: 0, stderr: '' })
  expect(repaired.stdout).toMatch(/✔ Repaired: .*\n {2}its file from far, /)
  expect(readFileSync(path)).toEqual(bytes)
  expect((await place.cli(['repair', 'latest'])).stdout).toContain('✔ Intact: ')
  rmSync(place.path('far'), { recursive: true })
  writeFileSync(path, 'wrong')
  const failed = await place.cli(['repair', '--quiet'])
  expect(failed.exit).toBe(3)
  expect(failed.stdout).toMatch(/✘ Not repaired: .*\n {2}No target has a good copy of /)
  const away = await place.cli(['verify', '--copies'])
  expect(away.exit).toBe(3)
  expect(away.stdout).toMatch(/✘ far: could not be read/)
  expect(away.stdout).not.toContain('objects read')
  for (const wrong of [
    ['verify', '--copies', filename],
    ['verify', '--copies', '--record'],
    ['verify', '--within', '30d'],
  ])
    expect((await place.cli(wrong)).exit).toBe(2)
  withTargets(place, [])
  expect((await place.cli(['verify', '--copies'])).stdout).toContain('There are no targets')
})

test('repair says of a file that it brings back that the backup is damaged still, as it was stored', async () => {
  using place = openWorkplace()
  withTargets(place)
  addWrongIndex(place.databasePath)
  const { filename } = (await place.json(['create'])) as { filename: string }
  expect((await place.cli(['verify', '--check', 'full', '--record'])).exit).toBe(3)
  rmSync(place.path('backups', 'manual', filename))
  const repaired = await place.cli(['repair', '--quiet'])
  expect(repaired.exit).toBe(3)
  expect(repaired.stdout).toMatch(
    /✔ Repaired: .*\n {2}its file from far, .*\n {2}The backup is as it was stored, /,
  )
})
