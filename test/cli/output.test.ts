import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { cleanEnvironment, CLI, openWorkplace, type Workplace } from './run-cli.ts'

/** More than a pipe holds. */
const MANY = 400

async function openWithManyBackups(): Promise<Workplace> {
  const place = openWorkplace()
  const { backupPath } = await place.json(['create'])
  for (let count = 0; count < MANY; count += 1) {
    copyFileSync(String(backupPath), place.path('backups', 'manual', `copy_${count}_${'x'.repeat(80)}.db`))
  }
  return place
}

test('colours appear where they are forced, and not in a pipe or against NO_COLOR', async () => {
  using place = openWorkplace()
  const escape = '\u001b['
  expect((await place.cli(['--help'])).stdout).not.toContain(escape)
  expect((await place.cli(['create'], { env: { FORCE_COLOR: '1' } })).stdout).toContain(escape)
  expect((await place.cli(['create'], { env: { NO_COLOR: '1' } })).stdout).not.toContain(escape)
  expect((await place.cli(['verify', 'nowhere.db'], { env: { FORCE_COLOR: '1' } })).stderr).toContain(escape)
})

test('a reader that goes away early leaves no noise', async () => {
  using place = await openWithManyBackups()
  const { stdout, stderr } = spawnSync(
    'sh',
    ['-c', `"$0" "$1" list --json | head -n 1`, process.execPath, CLI],
    {
      cwd: place.directory,
      env: cleanEnvironment(),
      encoding: 'utf8',
    },
  )
  expect({ stdout, stderr }).toEqual({ stdout: '{\n', stderr: '' })
})

test('a slow reader still gets all of a long document', async () => {
  using place = await openWithManyBackups()
  const child = spawn(process.execPath, [CLI, 'list', '--json'], {
    cwd: place.directory,
    env: cleanEnvironment(),
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await new Promise(resolve => child.stdout.once('readable', resolve))
  let text = ''
  for await (const piece of child.stdout.setEncoding('utf8')) text += String(piece)
  expect(text.length).toBeGreaterThan(2 ** 16)
  expect((JSON.parse(text) as { backups: unknown[] }).backups).toHaveLength(MANY + 1)
})

test.skipIf(process.platform !== 'linux').each(['--json list', 'scheduler --run-once cleanup'])(
  'output that cannot be written is an error, with whatever follows it (/dev/full: Linux): %s',
  call => {
    using place = openWorkplace()
    const { status, stderr } = spawnSync(
      'sh',
      ['-c', `"$0" "$1" ${call} > /dev/full`, process.execPath, CLI],
      {
        cwd: place.directory,
        env: cleanEnvironment(),
        encoding: 'utf8',
      },
    )
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining('Output could not be written'),
    })
  },
)
