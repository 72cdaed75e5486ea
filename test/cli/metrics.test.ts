import { readFileSync, symlinkSync, mkdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseMetrics } from '../metrics/parse.ts'
import { openWorkplace } from './run-cli.ts'

test('metrics prints what Prometheus reads', async () => {
  using place = openWorkplace()
  await place.json(['create', '--type', 'daily'])
  const result = await place.cli(['metrics'])
  expect(result).toMatchObject({ exit: 0, stderr: '' })
  expect(parseMetrics(result.stdout).get('chame_backup_backups')?.samples).toEqual([
    { labels: { database: 'chame', type: 'daily' }, value: 1 },
  ])
  expect(await place.json(['metrics'])).toMatchObject({ success: true, path: null, unreadable: [] })
})

test('metrics --output writes the file and says so, unless it is to be quiet', async () => {
  using place = openWorkplace()
  const output = place.path('chame_backup.prom')
  expect(await place.cli(['metrics', '--output', output])).toEqual({
    exit: 0,
    stdout: `✔ Metrics written: ${output}\n`,
    stderr: '',
  })
  expect(parseMetrics(readFileSync(output, 'utf8')).size).toBeGreaterThan(0)
  expect(await place.cli(['metrics', '--output', output, '--quiet'])).toMatchObject({ exit: 0, stdout: '' })
})

test('a mode that is none is refused', async () => {
  using place = openWorkplace()
  const result = await place.cli(['metrics', '--output', place.path('x.prom'), '--mode', '999'])
  expect(result.exit).toBe(2)
  expect(result.stderr).toContain('Expected an octal mode')
})

test('a catalog that cannot be read is in the metrics, on stderr and in the exit code', async () => {
  using place = openWorkplace()
  mkdirSync(place.path('backups'))
  symlinkSync('daily', place.path('backups', 'daily'))
  const result = await place.cli(['metrics'])
  expect(result.exit).toBe(1)
  expect(parseMetrics(result.stdout).get('chame_backup_catalog_readable')?.samples).toMatchObject([
    { value: 0 },
  ])
  expect(result.stderr).toContain('Error: ')
})
