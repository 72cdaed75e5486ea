/** The security checklist of docs/security.md: 13, what is logged. */
import { expect, test } from 'vitest'
import { JobBook } from '../../src/server/job-book.ts'
import { logJobEnd } from '../../src/server/log-problems.ts'
import type { Job } from '../../src/server/schemas/jobs.ts'
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

test('13: what a job met that nobody foresaw stands in the log, and not in the job', async () => {
  const logged: object[] = []
  const note = (fields: object): void => void logged.push(fields)
  const log = { debug: note, info: note, warn: note, error: note }
  const { promise: ended, resolve } = Promise.withResolvers<Job>()
  const book = new JobBook({
    now: () => new Date(),
    onEnd(job, failure) {
      logJobEnd(log, job, failure)
      resolve(job)
    },
  })
  const work = async (): Promise<never> => Promise.reject(new Error('what it quotes'))
  book.begin({ kind: 'scan', database: 'a', subject: null, by: 'b', needs: 'operator', work })
  const job = await ended
  expect(JSON.stringify(job)).not.toContain('what it quotes')
  expect(logged).toMatchObject([
    { event: 'job-ended', code: 'UNEXPECTED' },
    { event: 'failed', instance: job.problem?.instance, error: expect.stringContaining('what it quotes') },
  ])
})
