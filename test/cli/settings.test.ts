import { readFileSync, writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { openWorkplace } from './run-cli.ts'

test('settings are changed unless somebody has changed them since they were looked at', async () => {
  using place = openWorkplace()
  const config = place.path('chame-backup.config.json')
  writeFileSync(config, '{}')
  const shown = await place.json(['settings'])
  const { version } = shown['editable'] as { version: string }
  writeFileSync(config, '{ "timeZone": "UTC" }')
  const edit = ['settings', '--set-schedule', '{"graceTime":"30s"}', '--json']
  const late = await place.cli([...edit, '--if-version', version])
  expect(late.exit).toBe(11)
  expect(JSON.parse(late.stdout)).toMatchObject({ success: false, code: 'CATALOG_LOCKED' })
  expect(readFileSync(config, 'utf8')).toBe('{ "timeZone": "UTC" }')
  expect(await place.json(edit.slice(0, 3))).toMatchObject({ changed: true })
  expect(JSON.parse(readFileSync(config, 'utf8'))).toEqual({
    timeZone: 'UTC',
    schedule: { graceTime: '30s' },
  })
})

test('settings are shown in colours, and names from the configuration cannot bring their own', async () => {
  using place = openWorkplace()
  const config = { databases: { a: { path: 'a\u001b[31m.db' } } }
  writeFileSync(place.path('chame-backup.config.json'), JSON.stringify(config))
  const { stdout } = await place.cli(['settings'], { env: { FORCE_COLOR: '1' } })
  expect(stdout).toContain('\u001b[1mDatabases\u001b[22m\n  a (default): ')
  expect(stdout).toContain('a\\x1b[31m.db')
})
