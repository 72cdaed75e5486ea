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
