/** Bodies with a name that JavaScript has a use of its own for: nothing of them is left out in silence. */
import { expect, test } from 'vitest'
import { openServing } from './serving.ts'

const SHOP = '/api/v1/databases/shop'
const KEEP = '{"keepLast":1}'

const BODIES = [
  ['POST', `${SHOP}/exports`, '{"redact":{"users.name":"mask","__proto__":"hash"}}', '#/redact/__proto__'],
  ['POST', `${SHOP}/cleanup-plan`, `{"policy":{"daily":${KEEP},"__proto__":${KEEP}}}`, '#/policy/__proto__'],
  ['POST', `${SHOP}/retention/simulate`, `{"policy":{"__proto__":${KEEP}}}`, '#/policy/__proto__'],
  ['PUT', `${SHOP}/retention`, `{"policy":{"__proto__":${KEEP}},"plan":"a"}`, '#/policy/__proto__'],
  ['PUT', '/api/v1/schedule', '{"jobs":{"daily":false,"\\u005f_proto__":false}}', '#/jobs/__proto__'],
  ['PUT', '/api/v1/schedule', '{"jobs":{"a/b":[{"__proto__":1}]}}', '#/jobs/a~1b/0/__proto__'],
] as const

test('a body with that name for something is refused, and says where', async () => {
  const { ask } = await openServing()
  for (const [method, path, text, pointer] of BODIES) {
    const { status, body } = await ask(method, path, { body: text })
    expect([text, status, body.code]).toEqual([text, 400, 'REQUEST_INVALID'])
    expect(body.errors).toEqual([{ pointer, detail: expect.stringContaining('"__proto__"') as string }])
  }
})

test('a table and a column of that name are words of a name, or values, and taken', async () => {
  const { ask } = await openServing()
  const body = { tables: ['__proto__'], redact: { '__proto__.__proto__': 'hash' } }
  expect((await ask('POST', `${SHOP}/exports`, { body })).status).toBe(202)
})
