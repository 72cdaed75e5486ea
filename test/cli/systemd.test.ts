import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openWorkplace } from './run-cli.ts'

test('systemd prints a unit that can be redirected to where it belongs, and writes nothing', async () => {
  using place = openWorkplace()
  await place.json(['create'])
  const before = readdirSync(place.directory)
  const printed = await place.cli(['systemd'])
  expect(printed).toMatchObject({ exit: 0, stderr: '' })
  expect(printed.stdout).toMatch(
    /^# Written by chame-backup systemd for .*\n\n\[Unit\]\n[^]*\n\[Install\]\nWantedBy=multi-user\.target\n$/,
  )
  const [file] = (await place.json(['systemd']))['files'] as { text: string; path: string }[]
  expect(file).toEqual({
    name: 'chame-backup-scheduler.service',
    path: '/etc/systemd/system/chame-backup-scheduler.service',
    text: printed.stdout,
  })
  expect((await place.cli(['systemd', '--crontab'])).stdout).toContain('\n0 2 * * * cd ')
  expect((await place.cli(['systemd', '--timer'])).stdout).toContain('chame-backup-scheduler-daily.timer\n')
  expect(await place.cli(['systemd', '--crontab', '--timer'])).toMatchObject({ exit: 2, stdout: '' })
  expect(readdirSync(place.directory)).toEqual(before)
})

test('systemd --install writes the units and says what to type next', async () => {
  using place = openWorkplace()
  mkdirSync(place.path('units'))
  const installed = await place.cli(['systemd', '--install', '--directory', 'units', '--name', 'app'])
  expect(installed).toMatchObject({ exit: 0, stderr: '' })
  expect(installed.stdout).toContain('systemctl enable --now app.service')
  expect(readFileSync(place.path('units', 'app.service'), 'utf8')).toContain('[Service]')
  const refused = await place.cli(['systemd', '--crontab', '--install'])
  expect(refused).toMatchObject({ exit: 2, stdout: '' })
  expect(refused.stderr).toContain('crontab -l')
})
