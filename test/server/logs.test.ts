/** The security checklist of docs/security.md: 13, what is logged. */
import { expect, test } from 'vitest'
import { openServing } from './serving.ts'

const SHOP = '/api/v1/databases/shop'

test('13: what is logged has no secret, and a name cannot begin a line', async () => {
  const serving = await openServing()
  const bad = `chb_${'0'.repeat(16)}_${'S'.repeat(43)}`
  await serving.ask('GET', '/api/v1/databases', { as: null, headers: { authorization: `Bearer ${bad}` } })
  await serving.ask('POST', '/api/v1/session', { as: null, body: { token: bad } })
  await serving.ask('GET', `${SHOP}/backups/${encodeURIComponent('a\n{"level":"error"}')}`)
  const text = JSON.stringify(serving.logged)
  for (const secret of [...Object.values(serving.tokens), bad]) expect(text).not.toContain(secret.slice(21))
  expect(serving.logged.filter(({ event }) => event === 'log-in-refused')).toHaveLength(2)
})
