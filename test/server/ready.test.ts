/** Whether a server could work: what anybody may ask, as often as he likes. */
import { expect, onTestFinished, test, vi } from 'vitest'
import { Administration } from '../../src/index.ts'
import { openServing } from './serving.ts'

test('that a server of many databases is ready costs few readings of the configuration, whoever asks', async () => {
  const names = Array.from({ length: 20 }, (_, i) => `d${i}`)
  const databases = Object.fromEntries(
    names.map(name => [name, { path: 'shop.db', backupDir: `backups/${name}` }]),
  )
  const { ask } = await openServing({ config: { databases } })
  const settings = vi.spyOn(Administration.prototype, 'settings')
  onTestFinished(() => settings.mockRestore())
  await ask('GET', '/readyz', { as: null })
  expect(settings.mock.calls.length).toBeLessThanOrEqual(2)
  settings.mockClear()
  const answers = await Promise.all(names.map(() => ask('GET', '/readyz', { as: null })))
  expect(answers.map(({ status }) => status)).toEqual(names.map(() => 200))
  expect(settings.mock.calls.length).toBeLessThan(names.length)
})
